package action

import (
	"errors"
	"fmt"

	"gohap/lbcore/keyword"
	"gohap/lbcore/rule"
	"gohap/lbcore/sample"
	"gohap/lbcore/stream"
)

// parseUseService reads use-service <name>: a service answers the request.
func parseUseService(a *rule.Args) (rule.Action, error) {
	name := a.Next()
	if name == "" {
		return nil, errors.New("'use-service' expects a service name.")
	}
	row := a.Set.Lookup(keyword.Service, name)
	if row == nil {
		if _, ok := keyword.Known(keyword.Service, name); ok {
			return nil, errors.New(keyword.Refusal("service '" + name + "'"))
		}
		return nil, fmt.Errorf("'%s' unknown service name.", name)
	}
	service := row.Impl.(stream.Service)
	return rule.Func(func(c *sample.Context) rule.Verdict { return service.Serve(exchange(c)) }), nil
}

var serviceRows = []entry{
	{name: "use-service", in: httpReq, args: "<name>", parse: parseUseService, summary: "a service of the proxy itself answers",
		good: []string{"use-service prometheus-exporter"}, bad: []string{"use-service", "use-service nothing", "use-service prometheus-exporter x"}},
}
