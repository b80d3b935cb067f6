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
// A guard speaks about one signal, or about one identifier by which the signal
// matched, and caps the step that the signal may carry. Each has three answers.
// Where it cannot tell, the signal may still carry a step up to friction, and
// nothing harsher.
//
//	guard              speaks when                                            caps at
//	recycled           the account got the identifier on a later day than
//	                   that of the last report                                none, for that identifier
//	                   since, or the time of the reports, is unknown, or
//	                   the account got it after the first report, up to the
//	                   end of the day of the last                             friction
//	over_shared        more accounts here hold it than PhoneAccounts (3)
//	                   or DeviceAccounts (5)                                  none, for that identifier
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
// An identifier that does not count leaves the signal to the others by which it
// matched; where none is left, the cap is none. What else the account holds, an
// older number or a fresher one, is not asked. Where evidence names no places, all
// holdings of the kinds are asked, and what they differ in is unknown. Where the
// holdings at the places are not of the kinds that matched, all is unknown.
//
// Often a date is all that one of the two services has. So an identifier that came
// on the day (in UTC) of the last report is not taken to have come after it, and
// a Since of midnight stands for any time of its day.
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
//	                      reports >= 5, phone and device both count,
//	                      and no other account here holds either           disable, 90 days
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
// label follows. None of these helps another signal to more either.
//
// A signal is corroborated when a second one comes from an independent origin: no
// service has touched both, and they have no common cause. The second must be
// confirmed, of a category that the rule itself is for, with a confidence of at
// least Corroboration (60), by what its partner's word weighs, and a severity of at
// least CorroborationSeverity (medium), count by itself, and permit the same step.
// What a partner passes on for others is still his word.
// The Court of Justice of the European Union holds a score to be a decision of
// its own where the one who is handed it draws strongly on it (SCHUFA, C-634/21, 2023): so
// the harshest step needs two origins, or one origin and two identifiers that
// this service has itself found to be the account's, its alone, and in its hands
// since before the reports. Identifiers that a household shares are no two
// witnesses: on the word of one origin its accounts are suspended at most.
//
// Rules that are data, with conditions in a language, are in package policy: it
// tests the conditions, and [DecideBook] does the rest with the same guards.
//
// # Reasons
//
// A reason names what kept the step from being harsher only where a harsher rule
// would be met without it. If a signal is too weak for more, or of a category of
// which no more follows, no guard is named.
package abuse
