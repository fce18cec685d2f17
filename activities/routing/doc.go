// Package routing holds the activities that decide which server an application's
// readers and writers reach. They run on the host of the endpoint, and judge for
// themselves what they are told: a run's warrant must allow it (package guard), and
// readers go to a server that this host's own plan names, or back to where they were
// before the run moved them first, which is kept on this host's disk:
//
//	route/<database>.json   below the state directory; the run, and where readers were
package routing
