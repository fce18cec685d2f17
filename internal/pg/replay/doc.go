// Package replay turns a restored data directory into a cluster that stands,
// paused and isolated, exactly where it was asked to, and promotes it.
//
// # Isolation
//
// A restored cluster is configured so that it cannot hurt the original, whoever
// starts it: no archiving, no primary to connect to, no TCP, a private socket
// directory, its own pg_hba.conf. The settings are one marked block at the end
// of postgresql.auto.conf, and Release takes it out again at cut-over.
//
// # Reaching the target
//
// Exit 0 is not success. Replay returns what was reached (timeline, position,
// time of the last commit) for the caller to compare with what was asked, and
// fails with TargetMissed or WALGap, saying how far it came, when recovery ended
// early. Where replay stands is asked of the server; why it stands there only its log says,
// which is read from its first words of this run to its last, however long it became: nothing
// of what is asked of the copy is written there. Promote needs no log: replay that is paused
// where it was checked is promoted.
//
// # Nobody knows
//
// A restore_command that cannot tell whether a file exists must exit above 125: anything
// less but 0 is "absent" to PostgreSQL, which ends recovery there, or takes a timeline for
// free. Above, the server ends instead (Unavailable), and nothing is lost: signal file,
// settings and target are as they were. Run and Promote, called again, start it and go on
// to the same place; only there does Promote ask for the promotion.
package replay
