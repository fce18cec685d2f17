// Demo tells the story of one recovery on real servers: a database is backed up
// and written to, a bad migration damages it, the runbook brings it back, and
// what the report says is compared with what is known from outside.
//
//	make demo                    everything, signed by generated keys
//	make demo APPROVE=me         you sign: the commands are printed, the demo waits
//	make demo KEEP=1             the servers stay until Ctrl-C
//	make demo DAMAGE=bytes       delete (default), bytes or drop
//	make demo SIZE=small         large (default, about 570 MB) or small
//
// It exits with 0 only when every success criterion of the report is met and
// nothing is missing that was written before the damage. It listens on loopback
// only and leaves nothing behind.
package main
