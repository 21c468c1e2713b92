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

// parseTCPService refuses every service: those that there are answer requests of
// HTTP.
func parseTCPService(a *rule.Args) (rule.Action, error) {
	name := a.Next()
	switch {
	case name == "":
		return nil, errors.New("'tcp-request' expects a service name.")
	case a.Set.Lookup(keyword.Service, name) == nil:
		return nil, errors.New("'content' unknown service name.") // reference
	case name == "prometheus-exporter":
		return nil, errors.New("Prometheus exporter service only available on 'http-request' rulesets")
	}
	return nil, fmt.Errorf("service '%s' only available on 'http-request' rulesets", name)
}

var serviceRows = []entry{
	{name: "use-service", in: tcpReq, args: "<name>", parse: parseTCPService, summary: "a service answers; none that there is answers bytes",
		bad: []string{"use-service", "use-service nothing", "use-service prometheus-exporter"}},
	{name: "use-service", in: httpReq, args: "<name>", parse: parseUseService, summary: "a service of the proxy itself answers",
		good: []string{"use-service prometheus-exporter"}, bad: []string{"use-service", "use-service nothing", "use-service prometheus-exporter x"}},
}
