package linkagetest

import "github.com/hueandcry/hueandcry/linkage"

// JoinTags is what [Join] is under an agreement on tags alone: each match has one
// signal without a name, which agrees with the account in all that is flagged.
func JoinTags(accounts []linkage.Account, signals []linkage.Flagged) []linkage.Match {
	var all linkage.Flagged
	for _, s := range signals {
		all.Identifiers = append(all.Identifiers, s.Identifiers...)
	}
	return Join(accounts, []linkage.Flagged{all})
}
