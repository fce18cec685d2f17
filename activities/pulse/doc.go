// Package pulse keeps an activity's heartbeat going while it works, with its
// latest progress, so that the server learns within seconds of a dead worker and
// a person sees how far a transfer is. Outside an activity it does nothing.
//
// A worker beats for all its activities (Interceptor); an activity calls Start
// only to report progress with it, or to beat in a process without a worker.
package pulse
