package build

import (
	"strings"

	"gohap/lbcore/acl"
	"gohap/lbcore/auth"
	"gohap/lbcore/config"
	"gohap/lbcore/keyword"
	"gohap/lbcore/proxy"
)

// sectionUserlist is the class of the words of a userlist.
const sectionUserlist keyword.Class = "section userlist"

// userlist is a section while it is read: names are held against each other
// once it is complete.
type userlist struct {
	list   *auth.List
	users  []*userLine
	groups []*groupLine
}

type userLine struct {
	user   *auth.User
	groups []string
}

type groupLine struct {
	name  string
	users []string
}

func userlistRows() []keyword.Row {
	row := func(name, args, summary, good string, bad ...string) keyword.Row {
		return keyword.Row{Class: sectionUserlist, Name: name, Args: args, Summary: summary, Good: []keyword.Example{{Config: good}}, Bad: bad}
	}
	return []keyword.Row{
		row("user", "<name> [password <hash>|insecure-password <password>] [groups <name>[,…]]", "a user", "user tom insecure-password secret", "user", "user tom nonsense"),
		row("user:password", "<hash>", "the user's password as crypt(3) has it", "user tom password $1$abc$B..HicC/afMveWeNyfNsf/", "user tom password $9$x"),
		row("user:insecure-password", "<password>", "the user's password itself", "user tom insecure-password secret"),
		row("user:groups", "<name>[,…]", "the groups that the user is in", "user tom insecure-password secret groups staff"),
		row("group", "<name> [users <name>[,…]]", "a group of users", "group staff", "group", "group staff nonsense"),
		row("group:users", "<name>[,…]", "the users of the group", "group staff users tom"),
	}
}

// openUserlist begins a userlist section.
func (b *Builder) openUserlist(st *config.Statement) config.Outcome {
	b.users = nil
	name := st.Word(1)
	if name == "" {
		b.alertTight(st.Pos, "'userlist' expects <name> as arguments.")
		return config.Continue
	}
	if b.tooMany(st, 2) {
		return config.Continue
	}
	if bad := badName(name); bad != 0 {
		b.alertTight(st.Pos, "character '%c' is not permitted in 'userlist' name '%s'.", bad, name)
		return config.Continue
	}
	u := &userlist{list: auth.NewList(name)}
	b.users = u // reference: the lines of a second one are read too
	if b.userlists[name] != nil {
		b.Diag.Rawf(config.Warning, "config : parsing [%s]: ignoring duplicated userlist '%s'.", st.Pos, name)
		b.users = b.userlists[name]
		return config.Continue
	}
	if b.userlists == nil {
		b.userlists = map[string]*userlist{}
	}
	b.userlists[name] = u
	b.userOrder = append(b.userOrder, u)
	return config.Continue
}

func (b *Builder) userlistLine(st *config.Statement) {
	word := st.Words[0]
	if b.Set.Lookup(sectionUserlist, word) == nil {
		b.alertTight(st.Pos, "unknown keyword '%s' in '%s' section", word, "userlist")
		return
	}
	name := st.Word(1)
	if name == "" {
		b.alertTight(st.Pos, "'%s' expects <name> as arguments.", word)
		return
	}
	if b.users == nil {
		return
	}
	if word == "user" {
		b.userLine(st, name)
	} else {
		b.groupLine(st, name)
	}
}

func (b *Builder) userLine(st *config.Statement, name string) {
	l := &userLine{user: &auth.User{Name: name}}
	if !b.users.list.Add(l.user) {
		b.Diag.Rawf(config.Warning, "config : parsing [%s]: ignoring duplicated user '%s' in userlist '%s'.", st.Pos, name, b.users.list.Name)
		return
	}
	b.users.users = append(b.users.users, l)
	for at := 2; at < len(st.Words); at += 2 {
		word, value := st.Words[at], st.Word(at+1)
		if b.Set.Lookup(sectionUserlist, "user:"+word) == nil {
			b.alertTight(st.Pos, "'user' only supports 'password', 'insecure-password' and 'groups' options.")
			return
		}
		switch word {
		case "password":
			l.user.Secret, l.user.Plain = value, false
			if !auth.Supported(value) { // the reference asks the C library, and never lets such a user in
				b.alertTight(st.Pos, "the password of user '%s' has none of the forms $1$, $5$, $6$, $2a$, $2b$, $2y$ and $y$.", name)
			}
		case "insecure-password":
			l.user.Secret, l.user.Plain = value, true
		case "groups":
			l.groups = strings.Split(value, ",")
		}
	}
}

func (b *Builder) groupLine(st *config.Statement, name string) {
	for _, g := range b.users.groups {
		if g.name == name {
			b.Diag.Rawf(config.Warning, "config : parsing [%s]: ignoring duplicated group '%s' in userlist '%s'.", st.Pos, name, b.users.list.Name)
			return
		}
	}
	g := &groupLine{name: name}
	b.users.groups = append(b.users.groups, g)
	if word := st.Word(2); word != "" {
		if b.Set.Lookup(sectionUserlist, "group:"+word) == nil {
			b.alertTight(st.Pos, "'group' only supports 'users' option.")
			return
		}
		g.users = strings.Split(st.Word(3), ",")
	}
}

// settleUserlists puts users into their groups.
func (b *Builder) settleUserlists() {
	for _, u := range b.userOrder {
		known := map[string]bool{}
		for _, g := range u.groups {
			known[g.name] = true
			for _, name := range g.users {
				if user := u.list.User([]byte(name)); user == nil {
					b.Diag.Rawf(config.Alert, "userlist '%s': no such user '%s' specified in group '%s'", u.list.Name, name, g.name)
				} else if !user.In(g.name) {
					user.Groups = append(user.Groups, []byte(g.name))
				}
			}
		}
		for _, l := range u.users {
			for _, name := range l.groups {
				if !known[name] {
					b.Diag.Rawf(config.Alert, "userlist '%s': no such group '%s' specified in user '%s'", u.list.Name, name, l.user.Name)
				} else if !l.user.In(name) {
					l.user.Groups = append(l.user.Groups, []byte(name))
				}
			}
		}
	}
}

// resolveUserlist binds an argument to a userlist, and tells the proxy which it
// has to ask before its rules run: conditions and actions of request rules ask
// when they come to it.
func (b *Builder) resolveUserlist(r heldRef) string {
	if r.Arg.Str == "" {
		return "missing userlist name in arg 1 of " + r.what()
	}
	u := b.userlists[r.Arg.Str]
	if u == nil {
		return "unable to find userlist '" + r.Arg.Str + "' referenced in arg 1 of " + r.what()
	}
	r.Arg.Ref = u.list
	if r.in == "" || r.lazy {
		return ""
	}
	for _, s := range b.sections {
		if s.name == r.Proxy || s.from != nil && s.from.name == r.Proxy {
			addUserlist(s.p, u.list)
		}
	}
	return ""
}

func addUserlist(p *proxy.Proxy, l *auth.List) {
	for _, have := range p.Userlists {
		if have == l {
			return
		}
	}
	p.Userlists = append(p.Userlists, l)
}

// askFirst tells a proxy of the lists that conditions ask for which cannot wait.
func askFirst(p *proxy.Proxy, conds ...*acl.Cond) {
	for _, c := range conds {
		c.Refs(func(ref any) {
			if l, ok := ref.(*auth.List); ok {
				addUserlist(p, l)
			}
		})
	}
}
