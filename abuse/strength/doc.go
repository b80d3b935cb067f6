// Package strength says how strongly several identifiers together point to one person: whether the
// account that a signal is about and an account here are his.
//
// Most callers need two names. [Default] gives a [Model], and [Model.Score] the strength of one
// match as a number from 0 to 100; [Model.Match] is the same in the form that a policy takes as
// match.strength. Who wants to see why takes [Compare] and [Model.Weigh]: a [Strength] explains
// itself field by field.
//
//	abuse.Sighting, []abuse.Holding          counts of compared pairs
//	            |                                      |
//	         Compare                                Estimate
//	            |                                      |
//	            v                                      v
//	       Comparison ---------> Model.Weigh <------ Model
//	                                  |
//	                                  v
//	                 Strength: bits, probability, parts
//
// No name and no address is asked, here or there, and no identifier is seen: only which kinds
// agree, how many accounts hold what agrees, and since when. The package is pure: no clock, no
// randomness, no network. It decides nothing.
//
// # Weights
//
// Each field is asked a question, and the answer weighs log2(m/u) if it is yes and
// log2((1-m)/(1-u)) if it is no, where m is how often the answer is yes when the two accounts are
// one person's and u how often when they are not (Fellegi and Sunter, "A Theory for Record
// Linkage", Journal of the American Statistical Association 64, 1969, section 2). The bits of all
// fields are added to those of the prior. What is not known weighs nothing: it is not a no.
//
//	question   asked of                            yes         no
//	agree      each kind that both accounts have   log2(m/u)   log2((1-m)/(1-u))
//	held       what agrees: had this account it    likewise    likewise, and one bit less
//	           before the first report?                        for each HalfLife since the last
//	verified   what agrees: has this account       likewise    likewise
//	           proved that it holds it?
//	shared     what agrees: how many accounts      log2((Typical-1+Stray)/(accounts-1+Stray))
//	           hold it?
//
// An identifier that came amid the reports, or on the day of the last, may have been either's: held
// is unknown, as for the guard about recycled numbers of package abuse.
//
// Shared is an adjustment for the frequency of a value (Winkler, "Frequency-Based Matching in the
// Fellegi-Sunter Model of Record Linkage", Proceedings of the Section on Survey Research Methods,
// American Statistical Association, 1989). Of n accounts that hold an identifier one is meant: to
// each right agreement there are n - 1 wrong ones, and Stray more that come from a number handed
// out again or a device sold. With Typical as the mean of n over right agreements, this is the
// ratio of right to wrong at n, against that over all. Stray = 1 gives the usual log2(Typical/n).
// Where n accounts hold it here and k there, min(n, k) of n*k pairs are right at most: so accounts
// is the larger of the two.
//
// A yes to held and verified speaks against strays and not against those who share the identifier
// and have held it as long: it counts by the part Stray/(n-1+Stray).
//
// An agreement never weighs less than nothing, so a further one never lowers the sum.
//
// The devices of a match are hardly independent: whoever buys a telephone gets its IMEI and what is
// installed on it. So of several device kinds that agree the heaviest counts in full, and of each
// other Model.Dependence of its bits; so it is with several numbers, and with disagreements.
//
// # Parameters
//
// [Default] has figures that were chosen and not measured on anybody's accounts: no public data
// hold devices, numbers and the truth. They rest on these considerations.
//
//	Prior       1e-7: services with ten million accounts each, most people in both
//	phone       of seven or eight agreements one is wrong before anything else is asked:
//	            numbers are handed out again, and households share them
//	IMEI, MEID  of four or five, one: devices are sold and passed on
//	others      of eleven, one, and for the family's own installation of thirty: they end
//	            with a reset or with the installation
//	held        whoever is meant had it before in 19 of 20 cases (a device in 9 of 10), of
//	            strays two in five
//	verified    9 of 10 of those who are meant have proved their number, of others 6
//	HalfLife    7 years for a number (about a tenth of numbers changes hands each year),
//	            3 for a device, 2 for its advertising id
//	Typical     1.1 accounts for a number or an IMEI, 1.05 and 1.02 for others
//	Stray       one wrong agreement to 20 right ones for a number, to 5 for an IMEI, to 20
//	            for others and to 50 for an installation
//	Dependence  a quarter
//
// A service that knows its pairs should estimate its own: [Estimate] fits prior, m and u to counts
// of comparisons, without knowing which pairs are right, by the EM algorithm (Dempster, Laird and
// Rubin, "Maximum Likelihood from Incomplete Data via the EM Algorithm", Journal of the Royal
// Statistical Society B 39, 1977, section 2; for record linkage Winkler, "Using the EM Algorithm
// for Weight Computation in the Fellegi-Sunter Model of Record Linkage", same Proceedings, 1988).
// Of one kind, or two, counts do not say all, and what Base says weighs in: a service that knows
// better than the shipped figures gives its own.
//
// # What it does not do
//
// A probability is about the two accounts being one person's, and says nothing about whether the
// person did what the signal says. Whoever makes a new account with an old number looks like
// whoever was given it: then the weight of "held" is all that tells them apart, and a policy should
// not go far on that.
//
// Accounts of one person at one service are not told from those of a household. One identifier that
// several hold weighs little in both cases; but a number and a device that the same few accounts hold
// count as two findings, and together make the model sure of each of these accounts (held by four
// each: above 0.9999). That is right of a person's second accounts, which most of the data that it was tried
// on are, and wrong of a family's. So a rule that goes far on match.strength should ask for match.phone_alone or
// match.device_alone too.
package strength
