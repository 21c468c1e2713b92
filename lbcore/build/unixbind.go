package build

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"

	"gohap/lbcore/config"
	"gohap/lbcore/proxy"
)

// UnixDefaults is what unix-bind gives to the unix sockets of the bind lines
// behind it; those of command sockets have defaults of their own.
type UnixDefaults struct {
	Mode     uint32 // 0: by the process's mask
	UID, GID int    // set where the flags below are
	HasUID   bool
	HasGID   bool
}

// unixDefaults gives a bind line what unix-bind said before it.
func (b *Builder) unixDefaults(to *proxy.Bind) {
	d := &b.Global.Unix
	to.Mode = d.Mode
	if d.HasUID {
		to.UID = d.UID
	}
	if d.HasGID {
		to.GID = d.GID
	}
}

func globalUnixBind(b *Builder, st *config.Statement) {
	for i := 1; i < len(st.Words); i += 2 {
		word, arg := st.Words[i], st.Word(i+1)
		var err error
		switch word {
		case "prefix":
			if b.Global.UnixPrefix = arg; arg == "" {
				b.Alertf(st, "unix_bind 'prefix' expects a path as an argument.")
				return
			}
		case "mode":
			var m uint64
			m, err = strconv.ParseUint(arg, 8, 12)
			b.Global.Unix.Mode = uint32(m)
		case "uid", "user":
			b.Global.Unix.UID, err = userID(word, arg)
			b.Global.Unix.HasUID = true
		case "gid", "group":
			b.Global.Unix.GID, err = groupID(word, arg)
			b.Global.Unix.HasGID = true
		default:
			b.Alertf(st, "'unix-bind' only supports the 'prefix', 'mode', 'uid', 'gid', 'user' and 'group' options.")
			return
		}
		switch {
		case err == nil:
		case word == "user" || word == "group":
			b.Alertf(st, "'unix-bind' : '%s' unknown %s.", arg, word)
		default: // reference: taken as 0
			b.Alertf(st, "'unix-bind' : '%s' expects a number (got '%s').", word, arg)
		}
	}
}

// socketUser is userID with what a command socket's line says of an error.
func socketUser(word, arg string) (int, error) {
	id, err := userID(word, arg)
	return id, ownerError(err, word, arg, "user")
}

// socketGroup is the same of groupID.
func socketGroup(word, arg string) (int, error) {
	id, err := groupID(word, arg)
	return id, ownerError(err, word, arg, "group")
}

func ownerError(err error, word, arg, what string) error {
	switch {
	case err == nil:
		return nil
	case word != what: // reference: taken as 0
		return fmt.Errorf("'%s' : expects a number (got '%s')", word, arg)
	case arg == "":
		return errors.New("'" + word + "' : missing " + what + " name")
	}
	return fmt.Errorf("'%s' : unknown %s name '%s'", word, what, arg)
}

// userID is the number of a user by name ("user") or as written ("uid").
func userID(word, arg string) (int, error) {
	if word == "user" {
		u, err := user.Lookup(arg)
		if err != nil {
			return -1, err
		}
		arg = u.Uid
	}
	return strconv.Atoi(arg)
}

// groupID is the number of a group by name ("group") or as written ("gid").
func groupID(word, arg string) (int, error) {
	if word == "group" {
		g, err := user.LookupGroup(arg)
		if err != nil {
			return -1, err
		}
		arg = g.Gid
	}
	return strconv.Atoi(arg)
}
