// Package routing holds the activities that decide which server an application's
// readers and writers reach. They run on the host of the endpoint.
package routing
