package rows

// tableLine is a stick table of one listener.
const tableLine = "    stick-table type ip size 1m expire 30m store gpc0\n"

// tableKeywords are the rows D of stick tables.
var tableKeywords = []row{
	{"D58", "stick-table", func(s *subject) {
		s.pair(tableLine)
		s.same(s.cli("set table l key 192.0.2.1"), "\n")
		s.same(s.cli("set table l key 192.0.2.2"), "\n")
		s.has(s.cli("show table l"), "type: ip, size:1048576, used:2\n", "key=192.0.2.1 ", "key=192.0.2.2 ", " gpc0=0\n")
	}},
	{"D59", "stick on", func(s *subject) {
		s.pair(tableLine + "    stick on src\n")
		first := s.get("l", "/").header("x-server")
		s.same(s.get("l", "/").header("x-server"), first)
		s.cli("set weight l/" + first + " 0")
		s.same(s.cli("get weight l/"+first), "0 (initial 1)\n\n")
		s.oneServer(func(int) reply { return s.get("l", "/") })
		s.same(s.get("l", "/").header("x-server"), first)
		s.has(s.cli("show table l"), "key=127.0.0.1 ", "server_key="+first+"\n")
	}},
}

// tableCommands are the rows K of stick tables.
var tableCommands = []row{
	{"K3", "clear table", func(s *subject) {
		s.pair(tableLine)
		for _, key := range []string{"192.0.2.1 data.gpc0 1", "192.0.2.2 data.gpc0 5", "192.0.2.3 data.gpc0 9"} {
			s.same(s.cli("set table l key "+key), "\n")
		}
		s.same(s.cli("clear table l key 192.0.2.1"), "\n")
		s.hasNot(s.cli("show table l"), "key=192.0.2.1 ")
		s.same(s.cli("clear table l data.gpc0 gt 5"), "\n")
		s.matches(s.cli("show table l"), `^# table: l, type: ip, size:1048576, used:1\n0x[0-9a-f]+: key=192\.0\.2\.2 [^\n]*\n\n$`)
		s.same(s.cli("clear table l"), "\n")
		s.has(s.cli("show table l"), "used:0\n")
	}},
	{"K13", "show table", func(s *subject) {
		s.pair(tableLine)
		s.same(s.cli("show table"), "# table: l, type: ip, size:1048576, used:0\n\n")
	}},
	{"K14", "show table with a name", func(s *subject) {
		s.pair(tableLine)
		s.same(s.cli("set table l key 192.0.2.1 data.gpc0 7"), "\n")
		s.matches(s.cli("show table l"), `^# table: l, type: ip, size:1048576, used:1\n0x[0-9a-f]+: key=192\.0\.2\.1 use=0 exp=1(800000|79\d{4}) shard=0 gpc0=7\n\n$`)
	}},
	{"K18", "set table", func(s *subject) {
		s.pair(tableLine)
		s.same(s.cli("set table l key 192.0.2.1 data.gpc0 3"), "\n")
		s.has(s.cli("show table l"), "key=192.0.2.1 ", " gpc0=3\n")
		s.same(s.cli("set table l key 192.0.2.1 data.gpc0 4"), "\n")
		s.has(s.cli("show table l"), "used:1\n", " gpc0=4\n")
	}},
}
