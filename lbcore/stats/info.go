package stats

import (
	"slices"
	"strconv"

	"gohap/lbcore/cli"
)

func showInfo(r *cli.Request) {
	in, ok := instance(r)
	if !ok {
		return
	}
	form := asCSV
	for _, word := range r.Args {
		switch word {
		case "typed":
			form = asTyped
		case "json":
			form = asJSON
		}
	}
	in.writeInfo(r, form, slices.Contains(r.Args, "desc"), slices.Contains(r.Args, "float"))
}

// writeInfo writes the facts about the process: "name: value" lines, typed or
// JSON.
func (in *Instance) writeInfo(w writer, f form, desc, precise bool) {
	facts := in.facts()
	if f == asJSON {
		w.WriteString("[")
	}
	for i := range fields {
		x := &fields[i]
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
			if i > 0 {
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
