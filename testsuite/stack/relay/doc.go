// Package relay stands between one worker and Temporal and passes on everything
// they say to each other. A test hears through it what the worker was just given
// and what it is about to report, and can keep the report from arriving: so it
// kills a worker at an exact point of its work, without a hook in what ships.
package relay
