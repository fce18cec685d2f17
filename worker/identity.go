package main

import (
	"os"
	"strconv"
)

// identity names this process to people who look at a run: pid@host.
func identity() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return strconv.Itoa(os.Getpid()) + "@" + host
}
