package cluster

import (
	"errors"
	"slices"

	"gohap/cluster/keyring"
)

// Rekey has the node take other secrets for the fleet's, while it runs: the first signs
// and encrypts from now on, all are accepted, and sessions that one made which is not
// among them any more end. A step of a rotation (package keyring) leaves every session
// of nodes that are a step behind.
func (n *Node) Rekey(secrets []keyring.Secret) error {
	if n.port.Ring().IsOpen() {
		return errors.New("the node was started without a secret: restart it with --secret-file")
	}
	ring, err := keyring.New(n.id.ID, secrets)
	if err != nil {
		return err
	}
	n.rekeying.Lock()
	defer n.rekeying.Unlock()
	if slices.Equal(ring.Names(), n.port.Ring().Names()) {
		return nil
	}
	was := n.port.Ring()
	n.port.SetRing(ring)
	if err := n.list.Rekey(); err != nil {
		n.port.SetRing(was)
		return err
	}
	n.config.Log.Info("fleet: the secrets are others now", "first", ring.Names()[0], "accepted", len(secrets))
	n.tell()
	return nil
}

// Secrets are names of the secrets that the node accepts, the first first: they tell
// secrets apart and nothing of them.
func (n *Node) Secrets() []string { return n.port.Ring().Names() }
