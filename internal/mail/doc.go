// Package mail sends plain-text mail by SMTP and says, for each recipient apart,
// whether the server accepted it.
//
// One recipient's failure never keeps the others from their mail, and acceptance
// by a server is reported as "accepted", not as "read". A message carries a
// Message-ID made from the caller's idempotency key, so that a mail sent twice
// after a crash is shown once by mail programs (RFC 5322, section 3.6.4).
package mail
