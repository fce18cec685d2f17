// Package transport tunes HTTP for object stores: many long transfers to one
// host, each of which must end, or fail, in bounded time. A transfer may be as
// slow as the line is; one that stands still is cut.
package transport
