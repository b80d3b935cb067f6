// Package optout keeps who has opted out of what, tells those who must follow, and writes down who
// has read what for which purpose.
//
// Most callers need a [Book], which is a [linkage.OptOutRegister], and [Follow], which carries its
// changes to whatever was enrolled before. [NewMemory], [FromCSV] and [NewBook] on a
// store are the three places where a book can be; all are the same code. [Audit] is for reads.
//
// # Two axes
//
// One is what the user's identifiers are used for: he opts out of a [linkage.Purpose], and back
// in, at once. Security and the prevention of fraud and abuse are no choice, and are refused.
//
// The other is whether he takes part in the exchange between services at all. It has the states
// of section 2.8 of OpenID RISC, with a time of grace between, so that who has taken over an
// account cannot take it out of sight at once:
//
//	       Initiate                 the grace is over
//	In ──────────────> OutInitiated ──────────────> Out
//	 ^ <──────────────      |                        |
//	 |      Cancel          | still takes part       |
//	 └───────────────────────────────────────────────┘ OptIn
//
// Out of the exchange is out of every purpose that one can opt out of. Whether it is out of
// security too is for the services to agree: [Config.LeavesSecurity]. If they have, linkage does not
// ask, because it never does for security; [Book.Participates] and [Admitted] are for that.
//
// The state is what the time says when it is asked, not what a sweeper has done: [Book.Sweep] only
// writes down that a grace is over, for those who follow.
//
// # Copies
//
// [Book.WriteCSV] and [Book.Import] carry a register to another place. Each choice has its time, and an import
// never opts anybody back in against a choice that may be newer, so that an old copy does no harm.
// [Book.Replace] does not ask which is newer, and says so by its name.
//
// # Rows
//
// In table OptOuts, with the keys of watch.OptOuts for purposes, so that both read the same. 0xfe and
// 0xff are no first byte of a reference's length.
//
//	BE16 n ‖ account ‖ purpose  -> 1                       opted out of a purpose
//	BE16 n ‖ account ‖ 0x80 + purpose -> 1 ‖ BE64 at        when he last chose about it, out or in
//	BE16 n ‖ account ‖ 0        -> 1 ‖ state ‖ BE64 since ‖ BE64 effective
//	0xfe ‖ BE64 effective ‖ account -> 1                    graces that run
//	0xff ‖ 'c' ‖ BE64 number    -> 1 ‖ step ‖ purpose ‖ BE64 at ‖ BE64 effective ‖ account
//	0xff ‖ 'h'                  -> 1 ‖ BE64 last number ‖ BE64 first number that is kept
//
// In table Audit: BE64 nanoseconds ‖ 8 random bytes -> 1 ‖ purpose ‖ BE64 reads ‖ BE64 denied ‖ token 16 ‖ who.
//
// It does not tell a partner who has opted out: what reaches him is that a signal is withdrawn, or that
// an identifier is not there, as for anybody else.
package optout
