// Package notify holds the activities that tell people what happens. What became
// of a message is recorded for each recipient apart.
package notify
