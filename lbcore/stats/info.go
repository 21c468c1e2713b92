package stats

import (
	"strconv"

	"gohap/lbcore/cli"
	"gohap/lbcore/keyword"
)

func showInfo(r *cli.Request) {
	in, ok := instance(r)
	if !ok {
		return
	}
	m := in.modifiers(r.Args)
	form := asCSV
	switch {
	case m["json"]:
		form = asJSON
	case m["typed"]:
		form = asTyped
	}
	in.writeInfo(r, form, m["desc"], m["float"])
}

// writeInfo writes the facts about the process: "name: value" lines, typed or
// JSON.
func (in *Instance) writeInfo(w writer, f form, desc, precise bool) {
	facts := in.facts()
	if f == asJSON {
		w.WriteString("[")
	}
	n := 0
	for i := range fields {
		x := &fields[i]
		if !in.has(keyword.InfoField, x.name) {
			continue
		}
		v, typ, tags := x.value(facts), x.typ, x.tags
		text := v.text(typ, f == asCSV)
		if precise && x.precise != nil {
			typ, text = flt, floatText(x.precise(facts))
			if tags[1] == 'G' { // reference: a gauge becomes a rate
				tags = tags[:1] + "R" + tags[2:]
			}
		}
		switch f {
		case asCSV:
			w.WriteString(x.name + ": " + text)
		case asTyped:
			w.WriteString(strconv.Itoa(x.pos) + "." + x.name + ".1:" + tags + ":" + typ.String() + ":" + text)
		case asJSON:
			if n++; n > 1 {
				w.WriteString(",")
			}
			w.WriteString("{")
			jsonValue(w, x.pos, x.name, tags, typ, text)
			continue
		}
		if desc {
			w.WriteString(`:"` + x.desc + `"`)
		}
		w.WriteString("\n")
	}
	if f == asJSON {
		w.WriteString("]\n")
	}
}

// floatText writes up to six decimals without trailing zeros.
func floatText(v float64) string {
	const micro = 1e6
	return strconv.FormatFloat(float64(int64(v*micro))/micro, 'f', -1, 64)
}
