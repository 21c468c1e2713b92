package keyword

import (
	_ "embed" // the list below
	"encoding/json"
	"fmt"
	"slices"
	"sync"
)

//go:embed known.json
var knownJSON []byte

// knownWords maps class and name to the tier. Decoded once, on first use: most
// processes never refuse a word.
var knownWords = sync.OnceValue(func() map[Class]map[string]int {
	var file map[Class]map[int][]string
	if err := json.Unmarshal(knownJSON, &file); err != nil {
		panic(fmt.Sprintf("keyword: known.json: %v", err)) // embedded: a test meets it first
	}
	words := make(map[Class]map[string]int, len(file))
	for class, tiers := range file {
		words[class] = map[string]int{}
		for tier, names := range tiers {
			for _, name := range names {
				words[class][name] = tier
			}
		}
	}
	return words
})

// Known reports whether the reference has a word of that class, and its tier: 1
// where a typical configuration breaks without it, 3 where hardly anybody would
// notice. Any goroutine may call it.
func Known(class Class, name string) (tier int, ok bool) {
	tier, ok = knownWords()[class][name]
	return tier, ok
}

// KnownNames returns the sorted names of a class of the reference.
func KnownNames(class Class) []string {
	words := knownWords()[class]
	names := make([]string, 0, len(words))
	for name := range words {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// KnownClasses returns the sorted classes of the embedded list.
func KnownClasses() []Class {
	words := knownWords()
	classes := make([]Class, 0, len(words))
	for c := range words {
		classes = append(classes, c)
	}
	slices.Sort(classes)
	return classes
}

// Refusal words the refusal of a word that the reference knows and gohap does
// not, to be printed behind the place: what is "keyword 'x' in 'global' section",
// for instance.
func Refusal(what string) string {
	return what + " is known to HAProxy, not implemented by gohap"
}
