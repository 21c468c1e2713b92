package trace

import (
	"fmt"
	"slices"
	"strings"
)

var levels = []word{
	{"error", "report errors"},
	{"user", "also information useful to the end user"},
	{"proto", "also protocol-level updates"},
	{"state", "also report internal state changes"},
	{"data", "also report data transfers"},
	{"developer", "also report information useful only to the developer"},
}

const help = `Supported commands:
  event     : list/enable/disable source-specific event reporting
  level     : list/set trace reporting level
  lock      : automatic lock on thread/connection/stream/...
  follow    : passively follow another source's locked pointer (e.g. session)
  pause     : pause and automatically restart after a specific event
  sink      : list/set event sinks
  start     : start immediately or after a specific event
  stop      : stop immediately or after a specific event
  verbosity : list/set trace output verbosity
`

// Command does what the words behind "trace" ask for. It returns what to answer, and
// an error for what cannot be done; the words in front of that have been done.
func (t *Set) Command(words []string) (string, error) {
	if len(words) == 0 {
		return t.list(true), nil
	}
	if words[0] == "0" {
		t.Stop()
		return "All traces now stopped\n", nil
	}
	chosen := t.sources()
	if words[0] != "all" {
		s := t.source(words[0])
		if s == nil {
			return "", fmt.Errorf("No such trace source '%s'", words[0])
		}
		chosen = []*Source{s}
	}
	if len(words) == 1 {
		return help, nil
	}
	for rest := words[1:]; len(rest) > 0; {
		if words[0] == "all" && !slices.Contains([]string{"sink", "level", "follow"}, rest[0]) && slices.Contains(actions, rest[0]) {
			return "", fmt.Errorf("'%s' not applicable to meta-source 'all'", rest[0])
		}
		if !slices.Contains(actions, rest[0]) {
			return "", fmt.Errorf("Unknown trace keyword '%s'", rest[0])
		}
		if len(rest) == 1 {
			return chosen[0].show(rest[0], words[0]), nil
		}
		for _, s := range chosen {
			if err := s.change(rest[0], rest[1], words[0]); err != nil {
				return "", err
			}
		}
		rest = rest[2:]
	}
	return "", nil
}

var actions = []string{"event", "level", "lock", "follow", "pause", "sink", "start", "stop", "verbosity"}

func (t *Set) source(name string) *Source {
	for _, s := range t.sources() {
		if s.kind.name == name {
			return s
		}
	}
	return nil
}

// Stop stops all traces.
func (t *Set) Stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.sources() {
		s.follow = nil
		s.become(stopped)
	}
}

// mark is a source's state in lists.
func (s *Source) mark() string { return [...]string{"[.]", "[w]", "[R]"}[s.state] }

// list is what "trace" shows, and "follow" without its first lines.
func (t *Set) list(meta bool) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	b.WriteString("Supported trace sources and states (.=stopped, w=waiting, R=running) :\n")
	if meta {
		b.WriteString(" [.] 0          : not a source, will immediately stop all traces\n")
		b.WriteString(" [.] all        : all sources below, only for 'sink', 'level' and 'follow'\n")
	}
	t.names(&b)
	return b.String()
}

func (t *Set) names(b *strings.Builder) {
	for _, s := range t.sources() {
		fmt.Fprintf(b, " %s %-10s : %s\n", s.mark(), s.kind.name, s.kind.desc)
	}
}

// Status is what "show trace" answers; with a source's name its events.
func (t *Set) Status(name string) (string, error) {
	var b strings.Builder
	t.mu.Lock()
	defer t.mu.Unlock()
	if name == "" {
		b.WriteString("Supported trace sources and states (.=stopped, w=waiting, R=running) :\n")
		for _, s := range t.sources() {
			fmt.Fprintf(&b, " %s %-10s -> %s [drp %d]  [%s]\n", s.mark(), s.kind.name, s.outName(), s.dropped, s.kind.desc)
		}
		return b.String(), nil
	}
	s := t.source(name)
	if s == nil {
		return "", fmt.Errorf("No such trace source")
	}
	fmt.Fprintf(&b, "Trace status for %s:\n  - sink: %s [%d dropped]\n", name, s.outName(), s.dropped)
	b.WriteString("  - event name   :     report    start    stop    pause\n")
	for i, e := range s.kind.events {
		m := Mask(1) << i
		fmt.Fprintf(&b, "    %-12s :        %c        %c        %c       %c\n", e.name, sign(s.report&m), sign(s.start&m), sign(s.stop&m), sign(s.pause&m))
	}
	return b.String(), nil
}

func sign(m Mask) byte {
	if m != 0 {
		return '+'
	}
	return '-'
}

func (s *Source) outName() string {
	if s.out == nil {
		return "none"
	}
	return s.out.Name
}

// show lists what may be chosen for an action, and what is.
func (s *Source) show(action, name string) string {
	s.set.mu.Lock()
	defer s.set.mu.Unlock()
	var b strings.Builder
	item := func(chosen bool, w word) {
		star := ' '
		if chosen {
			star = '*'
		}
		fmt.Fprintf(&b, "  %c %-10s : %s\n", star, w.name, w.desc)
	}
	switch action {
	case "level":
		fmt.Fprintf(&b, "Supported trace levels for source %s:\n", name)
		for i, l := range levels {
			item(name != "all" && Level(i) == s.level, l)
		}
	case "sink":
		fmt.Fprintf(&b, "Supported sinks for source %s (*=current):\n", name)
		item(s.out == nil, word{"none", "no sink"})
		for i := range s.set.Outlets {
			o := &s.set.Outlets[i]
			item(s.out == o, word{o.Name, o.Desc})
		}
	case "verbosity":
		fmt.Fprintf(&b, "Supported trace verbosities for source %s:\n", name)
		for i, v := range s.kind.levelsOfDetail() {
			item(i == s.verbosity, v)
		}
	case "lock":
		fmt.Fprintf(&b, "Supported lock-on criteria for source %s:\n", name)
		for _, c := range s.kind.criteria {
			item(c == s.lock, s.kind.criterion(c))
		}
	case "follow":
		s.showFollow(&b)
	default:
		s.showEvents(&b, action)
	}
	return b.String()
}

func (k *kind) levelsOfDetail() []word {
	return append([]word{{"quiet", "only report basic information with no decoding"}}, k.verbosities...)
}

func (s *Source) showFollow(b *strings.Builder) {
	if s.follow == nil {
		b.WriteString("Not currently following any other source.\n")
	} else {
		fmt.Fprintf(b, "Currently following source '%s'.\n", s.follow.kind.name)
	}
	b.WriteString("Please specify another source to follow, among the following ones:\n [.] none       : follow no other source\n")
	s.set.names(b)
}

func (s *Source) showEvents(b *strings.Builder, action string) {
	fmt.Fprintf(b, "Supported events for source %s (+=enabled, -=disabled):\n", s.kind.name)
	if action != "event" {
		b.WriteString("  - now          : don't wait for events, immediately change the state\n")
	}
	b.WriteString("  - none         : disable all event types\n  - any          : enable all event types\n")
	for i, e := range s.kind.events {
		fmt.Fprintf(b, "  %c %-12s : %s\n", sign(*s.events(action)&(1<<i)), e.name, e.desc)
	}
}

// events is the list of events of an action.
func (s *Source) events(action string) *Mask {
	switch action {
	case "start":
		return &s.start
	case "pause":
		return &s.pause
	case "stop":
		return &s.stop
	}
	return &s.report
}

// change sets one thing; name is what the source was called by.
func (s *Source) change(action, value, name string) error {
	listing := ""
	if action == "level" || action == "verbosity" {
		listing = s.show(action, name)
	}
	if action == "sink" {
		return s.setSink(value)
	}
	s.set.mu.Lock()
	defer s.set.mu.Unlock()
	switch action {
	case "level":
		i := slices.IndexFunc(levels, func(w word) bool { return w.name == value })
		if i < 0 {
			return fmt.Errorf("No such trace level '%s'. %s", value, strings.TrimSuffix(listing, "\n"))
		}
		s.level = Level(i)
	case "verbosity":
		i := slices.IndexFunc(s.kind.levelsOfDetail(), func(w word) bool { return w.name == value })
		if i < 0 {
			return fmt.Errorf("No such verbosity level '%s'. %s", value, strings.TrimSuffix(listing, "\n"))
		}
		s.verbosity = i
	case "lock":
		i := slices.IndexFunc(s.kind.criteria, func(c Criterion) bool { return s.kind.criterion(c).name == value })
		if i < 0 {
			return fmt.Errorf("Unsupported lock-on criterion '%s'", value)
		}
		s.lock, s.locked = s.kind.criteria[i], nil
	case "follow":
		to := s.set.source(value)
		if to == nil && value != "none" {
			return fmt.Errorf("No such trace source '%s'", value)
		}
		s.follow = to
		s.settle()
	default:
		return s.setEvents(action, value)
	}
	return nil
}

// setSink chooses where lines go.
func (s *Source) setSink(name string) error {
	var out *Outlet
	var sink Sink
	if name != "none" {
		i := slices.IndexFunc(s.set.Outlets, func(o Outlet) bool { return o.Name == name })
		if i < 0 {
			return fmt.Errorf("No such trace sink '%s' ", name)
		}
		out = &s.set.Outlets[i]
		sink = out.Open()
	}
	s.set.mu.Lock()
	s.out, s.sink = out, sink
	s.set.mu.Unlock()
	return nil
}

// setEvents changes a list of events, or the state by "now".
func (s *Source) setEvents(action, value string) error {
	list := s.events(action)
	on := true
	name := value
	if len(value) > 0 && strings.IndexByte("+-!", value[0]) >= 0 {
		on, name = value[0] == '+', value[1:]
	}
	m := s.kind.event(name)
	switch {
	case name == "now" && action != "event":
		s.become(map[string]state{"start": running, "pause": waiting, "stop": stopped}[action])
		return nil
	case name == "none":
		*list = 0
	case name == "any":
		*list = s.kind.all()
	case m == 0:
		return fmt.Errorf("No such trace event '%s'", name)
	case on:
		*list |= m
	default:
		*list &^= m
	}
	if action == "start" && s.state == stopped && *list != 0 {
		s.become(waiting)
	}
	return nil
}
