package control

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gohap/lbcore/acl"
	"gohap/lbcore/cli"
	"gohap/lbcore/keyword"
	"gohap/lbcore/sample"
)

// lists are the commands of one of the two words for pattern lists.
type lists struct {
	maps bool
	noun string // in answers
}

var (
	aclLists = lists{false, "ACL"}
	mapLists = lists{true, "map"}
)

// run is a command that, as with the reference, every level may give; who is no
// administrator makes a warning, once for each.
func (l *lists) run(verb string, f func(*cli.Request)) func(*cli.Request) {
	what := verb + " " + l.word()
	return func(r *cli.Request) {
		if warn := r.Server().Warn; warn != nil && r.Level() < cli.Admin && control(r).Lists.FirstTime(what) {
			warn(fmt.Sprintf("'%s' accessed without admin rights, this won't be supported anymore starting from haproxy 3.3", what))
		}
		f(r)
	}
}

// word is the commands' own.
func (l *lists) word() string { return strings.ToLower(l.noun) }

// version cuts "@<version>" off the front of the words; acl.Current without one.
func version(words []string) (int64, []string) {
	if len(words) == 0 || !strings.HasPrefix(words[0], "@") {
		return acl.Current, words
	}
	n, _ := strconv.ParseUint(leadingDigits(words[0][1:]), 10, 32)
	return int64(n), words[1:]
}

func leadingDigits(s string) string {
	for i := range len(s) {
		if s[i]-'0' > 9 {
			return s[:i]
		}
	}
	return s
}

// find returns the list that a word names, or answers that there is none. Reference:
// some commands take lists of either kind.
func (l *lists) find(r *cli.Request, name string, any bool) *acl.Ref {
	f := control(r).Lists.Lookup(name)
	if f != nil && !any && !f.Used(l.maps) {
		f = nil
	}
	if f == nil {
		r.Fail("Unknown %s identifier. Please use #<id> or <file>.", l.noun)
	}
	return f
}

func (l *lists) show(r *cli.Request) {
	if len(r.Args) == 0 {
		l.list(r)
		return
	}
	number, words := version(r.Args)
	f := l.find(r, at(words, 0), false)
	if f == nil {
		return
	}
	var line []byte
	f.Entries(number, func(e acl.Entry) bool {
		line = append(line[:0], "0x"...)
		line = strconv.AppendUint(line, e.Mark, 16)
		line = append(append(line, ' '), e.Key...)
		if e.HasVal {
			line = append(append(line, ' '), e.Val...)
		}
		_, err := r.Write(append(line, '\n'))
		return err == nil
	})
}

func (l *lists) list(r *cli.Request) {
	r.WriteString("# id (file) description\n")
	control(r).Lists.Lists(l.maps, func(f *acl.Ref) {
		now, newest, n := f.Versions()
		r.Printf("%d (%s) %s. curr_ver=%d next_ver=%d entry_cnt=%d\n", f.ID, f.Name, f.Describe(), now, newest, n)
	})
}

func at(words []string, i int) string {
	if i < len(words) {
		return words[i]
	}
	return ""
}

func (l *lists) get(r *cli.Request) {
	if at(r.Args, 0) == "" || at(r.Args, 1) == "" {
		r.Fail("Missing %s identifier and/or key.", l.noun)
		return
	}
	f := l.find(r, r.Args[0], true)
	if f == nil {
		return
	}
	f.Get(r.Args[1], func(x acl.Found) { r.WriteString(l.found(&x)) })
}

// found words what one way of looking came to.
func (l *lists) found(x *acl.Found) string {
	var b strings.Builder
	kind, folded, idx := x.Matcher.String(), "sensitive", "list"
	if kind == "" {
		kind = "meth"
	}
	if x.Icase {
		folded = "insensitive"
	}
	if x.Tree || x.Matcher == acl.MatchBool {
		idx = "tree"
	}
	verb, key := "match", "pattern"
	if l.maps {
		verb, key = "found", "key"
	}
	fmt.Fprintf(&b, "type=%s, case=%s, %s=", kind, folded, verb)
	switch {
	case !x.Match:
		return b.String() + "no\n"
	case x.Matcher == acl.MatchBool: // reference: it has no pattern
		fmt.Fprintf(&b, "yes, idx=%s, %s=unknown", idx, key)
	default:
		fmt.Fprintf(&b, "yes, idx=%s, %s=\"%s\"", idx, key, x.Entry.Key)
	}
	switch {
	case !l.maps:
	case x.Out == sample.Any:
		b.WriteString(", value=none")
	default:
		fmt.Fprintf(&b, ", value=\"%s\", type=\"%s\"", x.Entry.Val, acl.ValueType(x.Out, x.Entry.Val))
	}
	return b.String() + "\n"
}

func (l *lists) add(r *cli.Request) {
	number, words := version(r.Args)
	whole := at(words, 1) != "" && (!l.maps || at(words, 2) != "")
	if at(words, 0) == "" || !whole && !(l.maps && r.Payload != "") {
		if l.maps {
			r.Fail("'add map' expects three parameters (map identifier, key and value) or one parameter (map identifier) and a payload")
		} else {
			r.Fail("'add acl' expects two parameters: ACL identifier and pattern.")
		}
		return
	}
	f := l.find(r, words[0], true)
	if f == nil {
		return
	}
	if !l.maps && f.Values() {
		r.Fail("This ACL is shared with a map containing samples. You must use the command 'add map' to add values.")
		return
	}
	if r.Payload == "" || !l.maps {
		l.addOne(r, f, number, words[1], at(words, 2))
		return
	}
	l.addLines(r, f, number)
}

func (l *lists) addOne(r *cli.Request, f *acl.Ref, number int64, key, val string) bool {
	err := f.Add(number, key, val, l.maps)
	switch {
	case err == nil:
		return true
	case errors.Is(err, acl.ErrFuture):
		r.Fail("Version number in the future, please use 'prepare %s' before.", l.word())
	default:
		r.Fail("%s.", strings.TrimSuffix(err.Error(), "."))
	}
	return false
}

// addLines adds what a payload holds: in each line a key and, behind it, a value.
func (l *lists) addLines(r *cli.Request, f *acl.Ref, number int64) {
	for line := range strings.Lines(r.Payload) {
		key := strings.TrimLeft(strings.TrimRight(line, "\r\n"), " \t")
		if key == "" {
			continue
		}
		i := strings.IndexAny(key, " \t")
		if i < 0 || strings.Trim(key[i:], " \t") == "" {
			r.Fail("Missing value for key '%s'.", strings.Trim(key, " \t"))
			return
		}
		if !l.addOne(r, f, number, key[:i], strings.TrimLeft(key[i:], " \t")) {
			return
		}
	}
}

// marked reads "#<mark>" in place of a key. Reference: what is no number is a key.
func marked(word string) (mark uint64, ok bool) {
	text, ok := strings.CutPrefix(word, "#")
	if !ok || text == "" {
		return 0, ok
	}
	mark, err := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 64)
	return mark, err == nil
}

func (l *lists) set(r *cli.Request) {
	if at(r.Args, 0) == "" || at(r.Args, 1) == "" || at(r.Args, 2) == "" {
		r.Fail("'set map' expects three parameters: map identifier, key and value.")
		return
	}
	f := l.find(r, r.Args[0], true)
	if f == nil {
		return
	}
	set := f.Set
	if mark, ok := marked(r.Args[1]); ok {
		set = func(_, val string) error { return f.SetAt(mark, val) }
	}
	if err := set(r.Args[1], r.Args[2]); err != nil {
		r.Fail("%s.", strings.TrimSuffix(err.Error(), "."))
	}
}

func (l *lists) del(r *cli.Request) {
	if at(r.Args, 0) == "" || at(r.Args, 1) == "" {
		r.Fail("This command expects two parameters: %s identifier and key.", l.noun)
		return
	}
	f := l.find(r, r.Args[0], true)
	if f == nil {
		return
	}
	mark, ok := marked(r.Args[1])
	if ok && f.DeleteAt(mark) || !ok && f.Delete(r.Args[1]) {
		return
	}
	r.Fail("Key not found.")
}

func (l *lists) clear(r *cli.Request) {
	number, words := version(r.Args)
	if at(words, 0) == "" {
		r.Fail("Missing %s identifier.", l.noun)
	} else if f := l.find(r, words[0], false); f != nil {
		f.Clear(number)
	}
}

func (l *lists) prepare(r *cli.Request) {
	if f := l.find(r, at(r.Args, 0), false); f != nil {
		r.Message(cli.Info, "New version created: %d", f.Prepare())
	}
}

func (l *lists) commit(r *cli.Request) {
	number, words := version(r.Args)
	switch {
	case number == acl.Current:
		r.Fail("Missing version number.")
	case at(words, 0) == "":
		r.Fail("Missing %s identifier.", l.noun)
	default:
		if f := l.find(r, words[0], false); f == nil {
			return
		} else if err := f.Commit(uint32(number)); err != nil {
			r.Fail("%s", err)
		}
	}
}

// registerLists adds the commands of one of the words for pattern lists. The
// summaries are the help's (reference).
func registerLists(set *keyword.Set, l *lists) {
	w := l.word()
	pattern, good := "<pattern>", "virt@list x"
	texts := [...]string{"report available acls or dump an acl's contents", "report the patterns matching a sample for an ACL", "add an acl entry",
		"delete acl entries matching <key>", "prepare a new version for atomic ACL replacement", "commit the ACL at this version"}
	shown := "show acl [@<ver>] <acl>"
	if l.maps {
		pattern, good, shown = "<key> <val>", "virt@list x y", "show map [@<ver>] [map]"
		texts = [...]string{"report available maps or dump a map's contents", "report the keys and values matching a sample for a map",
			"add a map entry (payload supported instead of key/val)", "delete map entries matching <key>", "prepare a new version for atomic map replacement", "commit the map at this version"}
	}
	add := func(verb, args, usage, summary string, run func(*cli.Request), example string) {
		set.Add(keyword.Row{Class: keyword.Command, Name: verb + " " + w, Args: args, Summary: summary,
			Good: []keyword.Example{{Config: verb + " " + w + " " + example}}, Bad: []string{verb + " " + w + " virt@none"},
			Impl: cli.Command{Level: cli.User, Usage: usage, Run: l.run(verb, run)}})
	}
	add("show", "[@<ver>] [<"+w+">]", shown, texts[0], l.show, "virt@list")
	add("get", "<"+w+"> <value>", "", texts[1], l.get, "virt@list x")
	add("add", "[@<ver>] <"+w+"> "+pattern, "", texts[2], l.add, good)
	add("del", "<"+w+"> [<key>|#<ref>]", "", texts[3], l.del, "virt@list x")
	add("clear", "[@<ver>] <"+w+">", "", "clear the contents of this "+w, l.clear, "virt@list")
	add("prepare", "<"+w+">", "", texts[4], l.prepare, "virt@list")
	add("commit", "@<ver> <"+w+">", "", texts[5], l.commit, "@1 virt@list")
	if l.maps {
		add("set", "<map> [<key>|#<ref>] <value>", "", "modify a map entry", l.set, "virt@list x y")
	}
}
