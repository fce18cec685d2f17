// Package network puts proxies before servers and breaks what goes through them:
// Toxiproxy, which slows, stalls, resets and refuses connections, and behind it,
// for servers that speak HTTP, one that answers requests in the server's place.
//
//	client → Toxiproxy → HTTP → server
//
// Clients keep one address whatever happens behind it. Every fault ends with Heal.
package network
