// Package mailtest starts real SMTP servers on loopback, with the habits that a
// client must find out about: with or without STARTTLS, TLS from the first byte,
// accounts, refused senders, and silence.
package mailtest
