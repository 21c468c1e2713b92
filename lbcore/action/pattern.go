package action

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"gohap/lbcore/acl"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
)

// changeList is add-acl, del-acl, set-map and del-map: it changes a list by what
// the exchange says.
type changeList struct {
	refs     *acl.Refs
	file     string
	key, val *sample.Format
	change   func(f *acl.Ref, key, val string)
}

// listChanges are what the words do. What cannot be done, as with a key that is no
// pattern, is left out.
var listChanges = map[string]func(f *acl.Ref, key, val string){
	"add-acl": func(f *acl.Ref, key, _ string) { _ = f.AddOnce(key) },
	"del-acl": func(f *acl.Ref, key, _ string) { f.Delete(key) },
	"set-map": func(f *acl.Ref, key, val string) { _ = f.SetOrAdd(key, val) },
	"del-map": func(f *acl.Ref, key, _ string) { f.Delete(key) },
}

func parseChangeList(a *rule.Args) (rule.Action, error) {
	name, rest, open := strings.Cut(a.Name, "(")
	file, closed := strings.CutSuffix(rest, ")")
	if !open || !closed {
		return nil, fmt.Errorf("invalid or incomplete action '%s'. Expects '%s(<file-name>)'", a.Name, name)
	}
	r := &changeList{file: file, change: listChanges[name]}
	if r.refs, _ = a.Options.Lists.(*acl.Refs); r.refs == nil {
		r.refs = acl.NewRefs()
	}
	var err error
	if r.key, err = listText(a, name == "set-map"); err != nil {
		return nil, err
	}
	if name == "set-map" {
		r.val, err = listText(a, true)
	}
	return r, err
}

func listText(a *rule.Args, both bool) (*sample.Format, error) {
	if a.Done() {
		if both {
			return nil, errors.New("expects exactly 2 arguments")
		}
		return nil, errors.New("expects exactly 1 arguments")
	}
	return a.Format(a.Next(), sample.ForString)
}

// Run implements rule.Action.
func (r *changeList) Run(c *sample.Context) rule.Verdict {
	list := r.refs.Lookup(r.file)
	if list == nil { // reference: that nothing looks into it is no error
		return rule.Continue
	}
	key := c.Arena.Keep(r.key.Append(c.Arena.Rest(128), c))
	var val []byte
	if r.val != nil {
		val = c.Arena.Keep(r.val.Append(c.Arena.Rest(128), c))
	}
	r.change(list, textOf(key), textOf(val)) // the list copies them
	return rule.Continue
}

func textOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

var listRows = []entry{
	{name: "add-acl", in: httpReq | httpRes, prefix: true, args: "(<file-name>) <key fmt>", parse: parseChangeList, summary: "adds a pattern to an ACL's file in memory, unless it is there",
		good: []string{"add-acl(virt@blocked) %[src]"}, bad: []string{"add-acl", "add-acl(virt@blocked)", "add-acl(virt@blocked", "add-acl(virt@blocked) %[nope]"}},
	{name: "del-acl", in: http, prefix: true, args: "(<file-name>) <key fmt>", parse: parseChangeList, summary: "takes a pattern out of an ACL's file in memory",
		good: []string{"del-acl(virt@blocked) %[src]"}, bad: []string{"del-acl", "del-acl(virt@blocked)", "del-acl(virt@blocked) %[nope]"}},
	{name: "set-map", in: http, prefix: true, args: "(<map-name>) <key fmt> <value fmt>", parse: parseChangeList, summary: "gives a key of a map in memory a value, and adds it when it is not there",
		good: []string{"set-map(virt@seen) %[src] %[date]"}, bad: []string{"set-map", "set-map(virt@seen)", "set-map(virt@seen) x", "set-map(virt@seen) x %[nope]"}},
	{name: "del-map", in: http, prefix: true, args: "(<map-name>) <key fmt>", parse: parseChangeList, summary: "takes a key out of a map in memory",
		good: []string{"del-map(virt@seen) %[src]"}, bad: []string{"del-map", "del-map(virt@seen)", "del-map(virt@seen) %[nope]"}},
}
