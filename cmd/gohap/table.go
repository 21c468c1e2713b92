package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// table writes rows in columns as wide as needed. The first row is the head. Where a
// line has more than 80 columns they move together, and texts of the column cut are
// shortened.
func table(w io.Writer, rows [][]string, cut string) {
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

// emit writes a value as JSON.
func emit(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
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

// size words a number of bytes.
func size(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	default:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
}
