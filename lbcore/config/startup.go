package config

import "strings"

// The log formats that the reference exports to configurations, as they stand in
// the environment: a configuration extends them ("${HAPROXY_HTTP_LOG_FMT} %ID").
const (
	HTTPLogFormat    = `%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r`
	HTTPSLogFormat   = HTTPLogFormat + ` %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] %[ssl_fc_sni]/%sslv/%sslc`
	TCPLogFormat     = `%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq`
	HTTPCLFLogFormat = `%{+Q}o %{-Q}ci - - [%trg] %r %ST %B "" "" %cp %ms %ft %b %s %TR %Tw %Tc %Tr %Ta %tsc %ac %fc %bc %sc %rc %sq %bq %CC %CS %hrl %hsl`
	TCPCLFLogFormat  = `%{+Q}o %{-Q}ci - - [%T] "TCP " 000 %B "" "" %cp %ms %ft %b %s %Th %Tw %Tc %Tt %U %ts-- %ac %fc %bc %sc %rc %sq %bq "" "" `
)

// logFormats are the variables that only the reading of a configuration sees.
var logFormats = []string{"HAPROXY_HTTP_LOG_FMT", "HAPROXY_HTTP_CLF_LOG_FMT", "HAPROXY_HTTPS_LOG_FMT", "HAPROXY_TCP_LOG_FMT", "HAPROXY_TCP_CLF_LOG_FMT"}

// SetServing makes the variables those of a process that serves: sockets are the
// addresses of its command sockets.
func (e *Environ) SetServing(sockets []string) {
	for _, n := range logFormats {
		e.Unset(n)
	}
	if len(sockets) > 0 {
		e.Set("HAPROXY_CLI", strings.Join(sockets, ";"))
	}
}

// SetStartup sets the variables that are known before any file is read, over
// whatever the process inherited. HAPROXY_CFGFILES follows between the two
// passes, HAPROXY_LOCALPEER is for Source.BetweenPasses, HAPROXY_CLI and
// HAPROXY_MASTER_CLI come with the sockets.
func (e *Environ) SetStartup(version, branch string, masterWorker bool) {
	e.Set("HAPROXY_STARTUP_VERSION", version)
	e.Set("HAPROXY_BRANCH", branch)
	e.Set("HAPROXY_HTTP_LOG_FMT", HTTPLogFormat)
	e.Set("HAPROXY_HTTP_CLF_LOG_FMT", HTTPCLFLogFormat)
	e.Set("HAPROXY_HTTPS_LOG_FMT", HTTPSLogFormat)
	e.Set("HAPROXY_TCP_LOG_FMT", TCPLogFormat)
	e.Set("HAPROXY_TCP_CLF_LOG_FMT", TCPCLFLogFormat)
	if masterWorker {
		e.Set("HAPROXY_MWORKER", "1")
	}
}
