package admin

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gohap/cluster"
)

// Table writes rows in columns as wide as needed. The first row is the head. Where a
// line has more than 80 columns they move together, and texts of the column cut are
// shortened.
func Table(w io.Writer, rows [][]string, cut string) {
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, text := range r {
			width[i] = max(width[i], utf8.RuneCountInString(text))
		}
	}
	gap := 2
	total := gap * (len(width) - 1)
	for _, n := range width {
		total += n
	}
	if total > 80 {
		gap, total = 1, total-(len(width)-1)
	}
	for i, name := range rows[0] {
		if name == cut && total > 80 {
			width[i] = max(width[i]-(total-80), 8)
		}
	}
	for _, r := range rows {
		var line strings.Builder
		for i, text := range r {
			if k := utf8.RuneCountInString(text); k > width[i] {
				text = string([]rune(text)[:width[i]-1]) + "…"
			}
			line.WriteString(text)
			if i < len(r)-1 {
				line.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(text)+gap))
			}
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}

// span words a time in seconds.
func span(s int64) string {
	switch d := time.Duration(s) * time.Second; {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%02dm", s/3600, s%3600/60)
	default:
		return fmt.Sprintf("%dd%02dh", s/86400, int(d.Hours())%24)
	}
}

// WriteStatus shows the state of a fleet: a table in 80 columns, and its sentence.
func WriteStatus(w io.Writer, s *cluster.Status) {
	rows := [][]string{{"NODE", "ADDRESS", "ROLE", "STATE", "SERVES", "SESSIONS", "VIP", "UPTIME"}}
	for _, n := range s.Nodes {
		generation := strconv.FormatUint(n.Generation, 10)
		switch {
		case n.Generation == 0:
			generation = "own file"
		case !n.Active:
			generation += " (old)"
		}
		vip := "-"
		if n.VIP {
			vip = "yes"
		}
		rows = append(rows, []string{n.Name, n.Address, n.Role, n.State, generation, strconv.FormatInt(n.Sessions, 10), vip, span(n.Uptime)})
	}
	Table(w, rows, "NODE")
	fmt.Fprintln(w)
	fmt.Fprintln(w, s.Summary)
}
