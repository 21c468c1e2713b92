// Package node is the composition root: the process around one or more running
// instances. It reads the command line as HAProxy does, loads, starts, reports,
// obeys signals and ends with the reference's exit codes.
//
//	main -> Run(args) -> exit code
//	        -c, -cc, -v, -vv, -dK…   answer and end
//	        -f …                      load, start, wait for signals
//	        join --peers a,b,c -f …   the same, as one of a fleet
//	        demo                      sample servers, three nodes in front, a few requests
//
// goroutine (*process).serve: waits for signals; ended by the process's end
// goroutine (*fleet).meet: which nodes share tables; ended by close
// goroutine sampleServer: a server of the demo
//
// fleet.go is where the balancer and the fleet meet: neither knows of the other.
//
// Imports: lbcore and what it exposes, cluster.
package node
