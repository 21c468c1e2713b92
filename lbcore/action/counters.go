//lint:file-ignore ST1005 the reference's messages are printed as they are

package action

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
	"gohap/lbcore/stream"
	"gohap/stick"
)

// track is track-sc: it has the stream, or the connection in rules before there is
// one, count on the entry of a key.
type track struct {
	slot  int
	expr  *sample.Expr
	table *proxy.Table
	waits bool // for what the expression lacks yet
}

// UseTable implements rule.TableUser.
func (r *track) UseTable(t any) bool {
	table, ok := t.(*proxy.Table)
	if !ok || !r.expr.Makes(table.KeyType()) {
		return false
	}
	r.table = table
	return true
}

// Contents tells whether the key depends on what the client sends; ok is false while
// the action has no table.
func (r *track) Contents() (depends, ok bool) {
	return r.expr.Validity()&sample.FrontendSession == 0, r.table != nil
}

// Run implements rule.Action. Reference: a slot that tracks something keeps it.
func (r *track) Run(c *sample.Context) rule.Verdict {
	if e, _ := stream.TrackedIn(c, r.slot); e.Valid() {
		return rule.Continue
	}
	s := c.Borrow()
	defer c.Release()
	if !r.expr.Eval(c, sample.Any, s) {
		if r.waits && s.Flags&sample.MayChange != 0 && !c.Final {
			return rule.Suspend
		}
		return rule.Continue
	}
	key, ok := r.table.KeyOf(c, s)
	if !ok {
		return rule.Continue
	}
	if x := exchange(c); x != nil {
		x.Track(r.slot, r.table, key)
	} else if ss, ok := c.Session.(*stream.Session); ok {
		ss.Track(r.slot, r.table, key)
	}
	return rule.Continue
}

// parseTrack reads track-sc<n> <key> [table <name>].
func parseTrack(a *rule.Args) (rule.Action, error) {
	r, err := readTrack(a)
	if err != nil && !a.HTTP {
		err = fmt.Errorf("'%s %s' : %w", a.Options.Rule, a.Name, err)
	}
	return r, err
}

func readTrack(a *rule.Args) (rule.Action, error) {
	r := &track{waits: a.Class == keyword.TCPReqCont}
	number := strings.TrimPrefix(a.Name, "track-sc")
	if number != "" {
		n, err := strconv.ParseUint(number, 10, 31)
		if err != nil {
			return nil, fmt.Errorf("Wrong track-sc number '%s'", number)
		}
		r.slot = int(n)
	}
	switch most := a.Host.StickCounters(); {
	case most == 0:
		return nil, fmt.Errorf("%d track-sc number not usable, stick-counters are disabled by tune.stick-counters", r.slot)
	case r.slot >= most:
		return nil, fmt.Errorf("%d track-sc number exceeding %d (tune.stick-counters-1) value", r.slot, most-1)
	}
	var err error
	if r.expr, err = expression(a); err != nil {
		return nil, err
	}
	name, own := "", true
	if a.Peek() == "table" {
		a.Next()
		if name, own = a.Next(), false; name == "" && a.HTTP {
			return nil, errors.New("missing table name")
		}
	}
	a.Host.NeedTable(a, fmt.Sprintf("track-sc%d", r.slot), name, own, r)
	return r, nil
}

// increment is sc-inc-gpc, sc-inc-gpc0, sc-inc-gpc1 and sc-add-gpc.
type increment struct {
	amount
	slot, element int
	count, rate   stick.Data
}

// Run implements rule.Action.
func (r *increment) Run(c *sample.Context) rule.Verdict {
	e, now := stream.TrackedIn(c, r.slot)
	if !e.Valid() {
		return rule.Continue
	}
	if by, ok := r.of(c); ok {
		e.Increment(r.count, r.rate, r.element, uint64(by), now)
	}
	return rule.Continue
}

// setTag is sc-set-gpt and sc-set-gpt0.
type setTag struct {
	amount
	slot, element int
	tag           stick.Data
}

// Run implements rule.Action.
func (r *setTag) Run(c *sample.Context) rule.Verdict {
	e, now := stream.TrackedIn(c, r.slot)
	if !e.Valid() {
		return rule.Continue
	}
	d, i, ok := e.Table().Find(r.tag, r.element)
	if !ok {
		return rule.Continue
	}
	if v, ok := r.of(c); ok {
		e.Set(d, i, uint64(v))
		e.Touch(now)
	}
	return rule.Continue
}

// amount is a number of 32 bits: a fixed one or what an expression says.
type amount struct {
	fixed uint32
	expr  *sample.Expr
}

func (m *amount) of(c *sample.Context) (uint32, bool) {
	if m.expr == nil {
		return m.fixed, true
	}
	s := c.Borrow()
	ok := m.expr.Eval(c, sample.SInt, s)
	v := uint32(s.Int)
	c.Release()
	return v, ok
}

// readAmount reads a number or an expression; reference: nothing at all is 0.
func readAmount(a *rule.Args) (m amount, err error) {
	text := a.Peek()
	if text == "" {
		return m, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		a.Next()
		m.fixed = uint32(n)
		return m, nil
	}
	m.expr, err = expression(a)
	return m, err
}

// cutNumber reads the digits that text begins with, none of them being 0.
func cutNumber(text string) (n int, rest string) {
	i := 0
	for i < len(text) && text[i]-'0' <= 9 {
		if n < 1<<30 {
			n = n*10 + int(text[i]-'0')
		}
		i++
	}
	return n, text[i:]
}

// oneSlot reads the slot in the parentheses of a name; reference: none is 0. expects
// begins the hint and named tells whether messages have the name.
func oneSlot(a *rule.Args, expects string, named bool, hint string) (int, error) {
	_, inside, open := strings.Cut(a.Name, "(")
	slot, rest := cutNumber(inside)
	if open && !strings.HasPrefix(rest, ")") {
		return 0, fmt.Errorf("invalid stick table track ID%s. Expects %s(<Track ID>)", nameIf(named, a), expects)
	}
	return slot, checkSlot(a, slot, named, hint)
}

// nameIf is how some messages name the action.
func nameIf(named bool, a *rule.Args) string {
	if named {
		return " '" + a.Name + "'"
	}
	return ""
}

// checkSlot refuses a slot that there is not.
func checkSlot(a *rule.Args, slot int, named bool, hint string) error {
	switch most := a.Host.StickCounters(); {
	case most == 0:
		return fmt.Errorf("Cannot use '%s', stick-counters are disabled via tune.stick-counters", a.Name)
	case slot >= most:
		return fmt.Errorf("invalid stick table track ID%s. The max allowed ID is %d%s", nameIf(named, a), most-1, hint)
	}
	return nil
}

const byTuning = " (tune.stick-counters)"

// indexed describes a word with an element and a slot in its parentheses.
type indexed struct {
	name, kind string // kind: gpc or gpt
	open       string // what is said where there are no parentheses
	named      bool   // messages have the name, and hints not what was written
	hint       string // where the number of slots comes from
}

// elementAndSlot reads them.
func (w *indexed) elementAndSlot(a *rule.Args) (element, slot int, err error) {
	name := a.Name
	if w.named {
		name = w.name
	}
	expects := fmt.Sprintf("Expects %s(<%s ID>,<Track ID>)", name, strings.ToUpper(w.kind))
	_, inside, open := strings.Cut(a.Name, "(")
	if !open {
		return 0, 0, fmt.Errorf("%s '%s'. %s", w.open, a.Name, expects)
	}
	element, rest := cutNumber(inside)
	if !strings.HasPrefix(rest, ",") {
		return 0, 0, fmt.Errorf("Missing %s ID%s. %s", w.kind, nameIf(w.named, a), expects)
	}
	behind := rest[1:]
	if slot, rest = cutNumber(behind); !strings.HasPrefix(rest, ")") {
		if w.named {
			behind = a.Name
		}
		return 0, 0, fmt.Errorf("invalid stick table track ID '%s'. %s", behind, expects)
	}
	return element, slot, checkSlot(a, slot, true, w.hint)
}

func parseIncrementOne(count, rate stick.Data) rule.ParseFunc {
	return func(a *rule.Args) (rule.Action, error) {
		slot, err := oneSlot(a, a.Name, false, byTuning)
		return &increment{amount: amount{fixed: 1}, slot: slot, count: count, rate: rate}, err
	}
}

func parseIncrement(a *rule.Args) (rule.Action, error) {
	w := indexed{"sc-inc-gpc", "gpc", "invalid gpc ID", true, byTuning}
	element, slot, err := w.elementAndSlot(a)
	return &increment{amount: amount{fixed: 1}, slot: slot, element: element, count: stick.GPC, rate: stick.GPCRate}, err
}

func parseAdd(a *rule.Args) (rule.Action, error) {
	w := indexed{"sc-add-gpc", "gpc", "Missing or invalid arguments for", false, byTuning}
	element, slot, err := w.elementAndSlot(a)
	if err != nil {
		return nil, err
	}
	m, err := readAmount(a)
	return &increment{amount: m, slot: slot, element: element, count: stick.GPC, rate: stick.GPCRate}, err
}

func parseSetTag(a *rule.Args) (rule.Action, error) {
	w := indexed{"sc-set-gpt", "gpt", "invalid gpt ID", true, ""}
	element, slot, err := w.elementAndSlot(a)
	if err != nil {
		return nil, err
	}
	m, err := readAmount(a)
	return &setTag{amount: m, slot: slot, element: element, tag: stick.GPT}, err
}

func parseSetFirstTag(a *rule.Args) (rule.Action, error) {
	slot, err := oneSlot(a, "sc-set-gpt0", true, "")
	if err != nil {
		return nil, err
	}
	m, err := readAmount(a)
	return &setTag{amount: m, slot: slot, tag: stick.GPT0}, err
}

var counterRows = []entry{
	{name: "track-sc", in: httpReq | httpRes | tcpConn | tcpSess | tcpReq, prefix: true, args: "<n> <key> [table <name>]", parse: parseTrack,
		summary: "counts on the entry of a key in a stick table from now on",
		good:    []string{"track-sc0 src table t", "track-sc2 str(x) table t if TRUE", "track-sc0 dst"},
		bad:     []string{"track-sc0", "track-scx src", "track-sc3 src", "track-sc0 nope", "track-sc0 src foo"}},
	{name: "sc-inc-gpc", in: anyRules, prefix: true, args: "(<i>,<slot>)", parse: parseIncrement, summary: "adds one to a general purpose counter of what a slot tracks",
		good: []string{"sc-inc-gpc(0,1)"}, bad: []string{"sc-inc-gpc", "sc-inc-gpc(0)", "sc-inc-gpc(x,0)", "sc-inc-gpc(0,x)", "sc-inc-gpc(0,3)", "sc-inc-gpc(0,0) x"}},
	{name: "sc-inc-gpc0", in: anyRules, prefix: true, args: "(<slot>)", parse: parseIncrementOne(stick.GPC0, stick.GPC0Rate), summary: "adds one to the first general purpose counter of what a slot tracks",
		good: []string{"sc-inc-gpc0(1)", "sc-inc-gpc0"}, bad: []string{"sc-inc-gpc0(x)", "sc-inc-gpc0(3)", "sc-inc-gpc0(0", "sc-inc-gpc0(0) x"}},
	{name: "sc-inc-gpc1", in: anyRules, prefix: true, args: "(<slot>)", parse: parseIncrementOne(stick.GPC1, stick.GPC1Rate), summary: "adds one to the second general purpose counter of what a slot tracks",
		good: []string{"sc-inc-gpc1(1)", "sc-inc-gpc1"}, bad: []string{"sc-inc-gpc1(x)", "sc-inc-gpc1(3)", "sc-inc-gpc1(0", "sc-inc-gpc1(0) x"}},
	{name: "sc-add-gpc", in: anyRules, prefix: true, args: "(<i>,<slot>) {<int>|<expr>}", parse: parseAdd, summary: "adds to a general purpose counter of what a slot tracks",
		good: []string{"sc-add-gpc(0,1) 5", "sc-add-gpc(0,1) int(5)"}, bad: []string{"sc-add-gpc", "sc-add-gpc(0) 5", "sc-add-gpc(0,x) 5", "sc-add-gpc(0,3) 5", "sc-add-gpc(0,0) nope", "sc-add-gpc(0,0) 5 x"}},
	{name: "sc-set-gpt", in: anyRules, prefix: true, args: "(<i>,<slot>) {<int>|<expr>}", parse: parseSetTag, summary: "sets a general purpose tag of what a slot tracks",
		good: []string{"sc-set-gpt(0,1) 5", "sc-set-gpt(0,1) int(5)"}, bad: []string{"sc-set-gpt", "sc-set-gpt(0) 5", "sc-set-gpt(0,x) 5", "sc-set-gpt(0,3) 5", "sc-set-gpt(0,0) nope", "sc-set-gpt(0,0) 5 x"}},
	{name: "sc-set-gpt0", in: anyRules, prefix: true, args: "(<slot>) {<int>|<expr>}", parse: parseSetFirstTag, summary: "sets the first general purpose tag of what a slot tracks",
		good: []string{"sc-set-gpt0(1) 5", "sc-set-gpt0(1) int(5)"}, bad: []string{"sc-set-gpt0(x) 5", "sc-set-gpt0(3) 5", "sc-set-gpt0(0) nope", "sc-set-gpt0(0) 5 x"}},
}
