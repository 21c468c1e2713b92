package cluster

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gohap/cluster/keyring"
)

// TestRotation goes from one secret to the next while all nodes run, a node after the
// other: nobody fails, nobody else leads, something is applied at every moment, and in
// the end the old secret is worth nothing.
func TestRotation(t *testing.T) {
	simulate(t, 1, 4, func(t *testing.T, s *sim) {
		old := s.all[3]
		old.text = "its own"
		three := s.all[:3]
		for _, m := range s.all {
			m.seeds = []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}
		}
		s.start(three...)
		s.healthy(time.Minute)
		before := three[0].Status().Leader
		term := three[0].raft.Stats().Term
		secrets := []keyring.Secret{s.secret}
		for i, step := range []func([]keyring.Secret) ([]keyring.Secret, error){keyring.Add, keyring.Promote, keyring.Remove} {
			next, err := step(secrets)
			if err != nil {
				t.Fatal(err)
			}
			secrets = next
			for k, m := range three {
				if err := m.Rekey(secrets); err != nil {
					t.Fatal(err)
				}
				s.pass(3 * time.Second)
				text := fmt.Sprintf("step %d on %d", i, k)
				if a := s.apply(three[(k+1)%3], text); !a.OK() || len(a.Checked) != 3 || len(a.Skipped) > 0 {
					t.Errorf("%s: %+v", text, a)
				}
				s.serve(text, 0)
				for _, o := range three {
					if st := o.Status(); slices.ContainsFunc(st.Nodes, func(n NodeStatus) bool { return n.State != "alive" }) {
						t.Errorf("%s: %s says %+v", text, o.name, st)
					}
				}
			}
			s.await(time.Minute, "all say that they have the same", func() bool {
				return !slices.ContainsFunc(three[0].Status().Nodes, func(n NodeStatus) bool { return !slices.Equal(n.Secrets, three[0].Secrets()) })
			})
			if n := len(three[0].Secrets()); n != len(secrets) {
				t.Errorf("%d secrets", n)
			}
		}
		for _, m := range three {
			if now := m.raft.Stats().Term; now != term {
				t.Errorf("%s: term %d became %d", m.name, term, now)
			}
			if now := m.Status().Leader; now != before {
				t.Errorf("%s: %s leads, %s did", m.name, now, before)
			}
		}
		s.start(old) // with the secret that was removed
		s.pass(30 * time.Second)
		if st := three[0].Status(); len(st.Nodes) != 3 || !strings.HasPrefix(old.Status().Summary, "This node is not in the fleet yet: 1 of 3 founding nodes are here") && !strings.Contains(old.Status().Summary, "none of") {
			t.Errorf("%+v, %s", st, old.Status().Summary)
		}
		if old.app.serves() != "" {
			t.Errorf("it was told %q", old.app.serves())
		}
		s.kill(old)
		old.alter = func(c *Config) { c.Secrets = secrets }
		s.start(old)
		s.serve("step 2 on 2", 20*time.Second)
	})
}

// TestRekeyed: sessions of a secret that was removed end at once, also where the other
// end knows nothing of it.
func TestRekeyed(t *testing.T) {
	simulate(t, 1, 3, func(t *testing.T, s *sim) {
		s.start(s.all...)
		s.healthy(time.Minute)
		c := s.all[2]
		fresh := []keyring.Secret{keyring.NewSecret()}
		for _, m := range s.all[:2] {
			if err := m.Rekey(fresh); err != nil {
				t.Fatal(err)
			}
		}
		s.says(s.all[0], "web3 failed")
		s.says(c, "No leader: 1 of 3 voters are here")
		if a := s.apply(s.all[0], "two"); !a.OK() || fmt.Sprint(a.Skipped) != "[web3]" {
			t.Errorf("%+v", a)
		}
		s.pass(time.Minute)
		if c.app.serves() != "global\n" {
			t.Errorf("who is out was told %q", c.app.serves())
		}
		if err := c.Rekey(fresh); err != nil {
			t.Fatal(err)
		}
		s.serve("two", 30*time.Second)
		s.healthy(30 * time.Second)
		if err := c.Rekey(nil); err == nil {
			t.Error("no secret is one")
		}
	})
}
