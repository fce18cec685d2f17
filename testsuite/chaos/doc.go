// Package chaos breaks the real stack in every way that can be thought of and
// looks from outside whether anything was lost: processes are killed and stopped,
// networks stall and reset, stores lie, disks fill, clocks jump, people flood.
//
// The tests take the faults one by one. TestCampaign draws them at random, while
// rounds of back up, write, damage and recover go on; `make chaos SEED=n FAULTS=n`
// runs a long one. The same seed gives the same faults in the same order.
//
// All tests share one stack, in the order of their files. Those that take long have
// the build tag chaos; the others, with a campaign of ten faults, belong to make test.
//
// What each fault did is written to docs/faults.md (package table).
package chaos
