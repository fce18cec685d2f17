// Package obs is how a holdfast process is seen: its log (zap, which Temporal's
// SDK writes to as well), its Prometheus metrics, and an HTTP endpoint for both
// the scraper and the supervisor.
//
//	/metrics   every metric of the process, Temporal's SDK included
//	/healthz   200 while the process runs: restart it when this fails
//	/readyz    200 when every check passes, else 503 with each check's error;
//	           a check that has not run yet is unknown, and unknown is not ready
//
// The endpoint listens on loopback unless told otherwise: metrics name hosts,
// databases and stores.
package obs
