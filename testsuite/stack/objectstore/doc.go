// Package objectstore starts the object stores that tests and the demo use: an
// S3 server (versitygw on a directory) and a GCS server (fake-gcs-server). Each
// listens on a free loopback port, belongs to the process that started it and
// ends with it.
//
// What these servers cannot show is listed by the conformance suite
// (internal/store/storetest) as "not shown here"; starter plan check --live runs
// the same suite on real buckets.
package objectstore
