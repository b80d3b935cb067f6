// Package abuse decides what to do about an account that another service has
// sent signals about, and says why.
//
// Most callers need two names. [NewEvidence] opens the signals of a match and
// puts beside them what is known here about the account; [Decide] weighs the
// evidence under a [Policy] and returns a [Decision] that holds its reason, its
// end and its undoing in plain words.
//
// A partner's word is evidence and not an order. Decide goes no further than a
// hurdle where this service does not itself know that the identifier is the
// account's, never disables for ever, never takes the unknown for a no or a yes,
// and does nothing itself: it has no clock, no randomness, no store and no
// network, and the caller carries a decision out. No telephone number and no
// device identifier is anywhere in this package.
//
//	linkage.Match      []Holding           Policy               time
//	      |                |                  |                  |
//	      v                v                  |                  |
//	    signals  +  facts of the account      |                  |
//	      |                |                  v                  v
//	      +--> Evidence ---+--> guards (does it count, how far may it go)
//	                              |
//	                              v
//	                            rules, in order: the first that is met by a signal
//	                              |
//	                              v
//	                           Decision: action, until, reason, undo, explanation
//
// # Guards
//
// A guard speaks about one signal, or about one kind of identifier by which the
// signal matched, and caps the step that the signal may carry. Each has three
// answers. Where it cannot tell, the signal may still carry a step up to
// friction, and nothing harsher.
//
//	guard              speaks when                                            caps at
//	recycled           the account got the identifier after the last report   none, for that kind
//	                   since, or the time of the reports, is unknown, or
//	                   the account got it amid the reports                    friction
//	over_shared        more accounts here hold it than PhoneAccounts (3)
//	                   or DeviceAccounts (5)                                  none, for that kind
//	                   how many is unknown                                    friction
//	unverified         RequireVerified (true), and the account has not
//	                   proved that it holds the phone number                  friction
//	expired            now is ValidUntil or later                             none
//	future             observed later than now + Skew (5 minutes)             none
//	echo               Self is the origin or on the path                      none
//	permitted_actions  none                                                   none
//	                   contact-for-instruction, internally-visible-actions    label
//	                   externally-visible-indirect-actions                    limit
//	predictive         the class is predictive                                friction
//	device_only        no phone number counts, only a device                  limit
//
// A kind that does not count leaves the signal to its other kinds; where none is
// left, the cap is none.
//
// # Rules
//
// [DefaultPolicy] has these, harshest first. A rule is met by one signal that
// meets all of its conditions and whose guards leave the step. What is unknown
// (the number of reports, say) meets no condition.
//
//	rule                  conditions beside category and guards            step
//	disable_corroborated  confirmed, confidence >= 80, severity >= high,
//	                      reports >= 3, corroborated                       disable, 90 days
//	disable_two_kinds     confirmed, confidence >= 90, severity >= high,
//	                      reports >= 5, phone and device both count        disable, 90 days
//	suspend_reviewed      confirmed, confidence >= 80, severity >= high,
//	                      a person at the origin has looked at it          suspend, 7 days
//	suspend_confirmed     confirmed, confidence >= 80, severity >= high,
//	                      reports >= 3                                     suspend, 7 days
//	limit_confirmed       confirmed, confidence >= 60, severity >= medium,
//	                      reports >= 2                                     limit, 7 days
//	friction_confirmed    confirmed, confidence >= 50                      friction, 7 days
//	friction_predictive   confidence >= 70, severity >= medium             friction, 3 days
//	label_any             confidence >= 30                                 label, 30 days
//
// Categories that lie in the eye of the beholder or in the customs of a place
// (impersonation, harassment, platform manipulation, scraping) go no further than
// limit. An account takeover goes no further than friction, for its holder is the
// victim. Of the category other, which does not say what is meant, nothing but a
// label follows.
//
// A signal is corroborated when a second one, confirmed, with a confidence of at
// least Corroboration (60), counting by itself and permitting the same step, comes
// from an independent origin: no service has touched both, and they have no
// common cause. What a partner passes on for others is still his word.
// The Court of Justice of the European Union holds a score to be a decision of
// its own where the one who is handed it draws strongly on it (SCHUFA, C-634/21, 2023): so
// the harshest step needs two origins, or one origin and two identifiers that
// this service has itself found to be the account's, its alone, and in its hands
// since before the reports.
package abuse
