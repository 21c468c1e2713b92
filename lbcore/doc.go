// Package lbcore is the load balancer's core as one thing: read a
// configuration, check it, start it, drain it, stop it.
//
//	Load(paths) -> *Config    read and checked, nothing is bound
//	Config.Start -> *Instance  sockets bound, loops running, checks going
//	Instance.Drain, Stop       soft stop and hard stop
//	Instance.Bindable(Config)  whether another one's addresses can be had, beside its own
//
// Loops, sockets and pools belong to an Instance, so that two of them can live
// beside each other while one replaces the other. The package knows no process:
// signals, files of pids, exit codes and the command line are node's.
//
// goroutine (*Instance).serveCommands: one per command socket, ended by Stop
// goroutine (*Instance).partIdle: closes idle connections while a soft stop takes its
// time (close-spread-time), ended by it or by Stop
//
// Imports: every package below.
package lbcore
