package answers

import (
	"reflect"
	"testing"
)

// What a node of three answers; e2e/cluster asks real ones.
const peers = `## lb1
0x1b85164c10e0: [29/Nov/2026:21:34:40] id=fleet disabled=0 kind=fleet
  0x1b8516d78000: id=lb1(local) addr=- status=local
        new_conn=0 proto_err=0 no_hbt=0 sent=0 received=0 sent_bytes=0
  0x1b8516d780b0: id=lb2(remote) addr=fleet status=established inbound=false last_heard=791ms
        new_conn=1 proto_err=0 no_hbt=0 sent=15 received=13 sent_bytes=303
          table=seen lag=7 exact=true
          table=other not shared: it lacks the table or has other keys
  0x1b8516d78160: id=lb3(remote) addr=fleet status=waiting last_end="it does not know lb1 (504)"
  table=seen used=1 evicted=4 refused=0 changes=3 contributions=3 bytes=18432 exact=false why="4 entries made room for others"
        lb1/a11163138bb9a909 state=self have=3 contributions=1 received_bytes=0 last_heard=0ms
        lb2/6f9137b7c3c70819 state=direct have=2 contributions=1 received_bytes=39 last_heard=791ms

## lb2
lb2 is not there: failed
`

func TestTables(t *testing.T) {
	want := []Table{{Node: "lb1", Name: "seen", Keys: 1, Contributions: 3, Bytes: 18432, Lag: 7, Why: "4 entries made room for others", Apart: []string{"lb3"},
		Sources: []Source{{"lb1/a11163138bb9a909", "self", "3", "1", "0ms"}, {"lb2/6f9137b7c3c70819", "direct", "2", "1", "791ms"}}}}
	if got := Tables(peers); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if got := Named(want, "nosuch"); got != nil {
		t.Errorf("%+v", got)
	}
}

func TestKey(t *testing.T) {
	got := Key(`## lb1
# table: seen, type: ip, size:10240, used:1
0x1: key=127.0.0.1 use=0 exp=56762 shard=0 gpc0=1 http_req_rate(10000)=7
#   lb3/f47e18a115871531/1 change=2 http_req_rate(10000)=2
#   lb1/a11163138bb9a909/1 change=3 (this process) gpc0=1 http_req_rate(10000)=5

## lb2
# table: seen, type: ip, size:10240, used:0

## lb3
No such table
`)
	want := []Reading{
		{Node: "lb1", Values: "gpc0=1 http_req_rate(10000)=7", From: []Contribution{{"lb3/f47e18a115871531/1", "2", "http_req_rate(10000)=2"}, {"lb1/a11163138bb9a909/1", "3", "(this process) gpc0=1 http_req_rate(10000)=5"}}},
		{Node: "lb2", From: []Contribution{}}, {Node: "lb3", From: []Contribution{}, Problem: "No such table"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}
