package report

import "github.com/hueandcry/hueandcry/abuse"

// The closed lists of the Transparency Database, as its interface has them since July 2025.
var (
	visibilities = []string{"DECISION_VISIBILITY_CONTENT_REMOVED", "DECISION_VISIBILITY_CONTENT_DISABLED",
		"DECISION_VISIBILITY_CONTENT_DEMOTED", "DECISION_VISIBILITY_CONTENT_AGE_RESTRICTED",
		"DECISION_VISIBILITY_CONTENT_INTERACTION_RESTRICTED", "DECISION_VISIBILITY_CONTENT_LABELLED", visibilityOther}
	monetaries = []string{"DECISION_MONETARY_SUSPENSION", "DECISION_MONETARY_TERMINATION", monetaryOther}
	provisions = []string{"DECISION_PROVISION_PARTIAL_SUSPENSION", "DECISION_PROVISION_TOTAL_SUSPENSION",
		"DECISION_PROVISION_PARTIAL_TERMINATION", "DECISION_PROVISION_TOTAL_TERMINATION"}
	accountSteps = []string{"DECISION_ACCOUNT_SUSPENDED", "DECISION_ACCOUNT_TERMINATED"}
	accountTypes = []string{"ACCOUNT_TYPE_BUSINESS", "ACCOUNT_TYPE_PRIVATE"}
	grounds      = []string{groundIllegal, groundIncompatible}
	contentTypes = []string{"CONTENT_TYPE_APP", "CONTENT_TYPE_AUDIO", "CONTENT_TYPE_IMAGE", "CONTENT_TYPE_PRODUCT",
		"CONTENT_TYPE_SYNTHETIC_MEDIA", "CONTENT_TYPE_TEXT", "CONTENT_TYPE_VIDEO", contentOther}
	sources   = []string{sourceArticle16, sourceFlagger, sourceOther, sourceVoluntary}
	decisions = []string{decidedFully, decidedPartially, decidedByHand}
	yesNo     = []string{"Yes", "No"}

	categories = []string{"STATEMENT_CATEGORY_ANIMAL_WELFARE", "STATEMENT_CATEGORY_CONSUMER_INFORMATION",
		catCyberViolence, "STATEMENT_CATEGORY_CYBER_VIOLENCE_AGAINST_WOMEN", catData,
		"STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH", "STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS",
		"STATEMENT_CATEGORY_NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS", "STATEMENT_CATEGORY_NOT_SPECIFIED_NOTICE",
		catTerms, catMinors, catSecurity, catScams, "STATEMENT_CATEGORY_SELF_HARM", catProducts, "STATEMENT_CATEGORY_VIOLENCE"}

	keywords = []string{"KEYWORD_ANIMAL_HARM", "KEYWORD_ADULT_SEXUAL_MATERIAL", "KEYWORD_AGE_SPECIFIC_RESTRICTIONS",
		"KEYWORD_AGE_SPECIFIC_RESTRICTIONS_MINORS", "KEYWORD_BIOMETRIC_DATA_BREACH", "KEYWORD_BULLYING_AGAINST_GIRLS",
		"KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL", "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL_DEEPFAKE",
		"KEYWORD_CONTENT_PROMOTING_EATING_DISORDERS", "KEYWORD_COORDINATED_HARM", "KEYWORD_COPYRIGHT_INFRINGEMENT",
		"KEYWORD_CYBER_BULLYING_INTIMIDATION", keyHarassment, "KEYWORD_CYBER_HARASSMENT_AGAINST_WOMEN",
		"KEYWORD_CYBER_INCITEMENT", "KEYWORD_CYBER_STALKING", "KEYWORD_CYBER_STALKING_AGAINST_WOMEN",
		"KEYWORD_DATA_FALSIFICATION", "KEYWORD_DEFAMATION", "KEYWORD_DESIGN_INFRINGEMENT", "KEYWORD_DISCRIMINATION",
		"KEYWORD_MISINFORMATION_DISINFORMATION", "KEYWORD_FEMALE_GENDERED_DISINFORMATION",
		"KEYWORD_GEOGRAPHIC_INDICATIONS_INFRINGEMENT", "KEYWORD_GEOGRAPHICAL_REQUIREMENTS",
		"KEYWORD_GOODS_SERVICES_NOT_PERMITTED", "KEYWORD_GROOMING_SEXUAL_ENTICEMENT_MINORS", "KEYWORD_HATE_SPEECH",
		"KEYWORD_HIDDEN_ADVERTISEMENT", "KEYWORD_HUMAN_EXPLOITATION", "KEYWORD_HUMAN_TRAFFICKING",
		"KEYWORD_ILLEGAL_ORGANIZATIONS", keyHijacking, keyInauthentic, "KEYWORD_INAUTHENTIC_LISTINGS",
		"KEYWORD_INAUTHENTIC_USER_REVIEWS", "KEYWORD_INCITEMENT_AGAINST_WOMEN", "KEYWORD_INCITEMENT_VIOLENCE_HATRED",
		"KEYWORD_INSUFFICIENT_INFORMATION_ON_TRADERS", "KEYWORD_LANGUAGE_REQUIREMENTS",
		"KEYWORD_MISLEADING_INFO_CONSUMER_RIGHTS", "KEYWORD_MISLEADING_INFO_GOODS_SERVICES", keyProcessing, keyImages,
		"KEYWORD_NON_CONSENSUAL_IMAGE_SHARING_AGAINST_WOMEN", "KEYWORD_NON_CONSENSUAL_MATERIAL_DEEPFAKE",
		"KEYWORD_NON_CONSENSUAL_MATERIAL_DEEPFAKE_AGAINST_WOMEN", "KEYWORD_NONCOMPLIANCE_PRICING", "KEYWORD_NUDITY",
		"KEYWORD_PATENT_INFRINGEMENT", keyPhishing, keyProducts, "KEYWORD_PYRAMID_SCHEMES",
		"KEYWORD_RIGHT_TO_BE_FORGOTTEN", "KEYWORD_RISK_ENVIRONMENTAL_DAMAGE", "KEYWORD_RISK_PUBLIC_HEALTH",
		"KEYWORD_SELF_MUTILATION", "KEYWORD_STALKING", "KEYWORD_SUICIDE", keyTerrorism,
		"KEYWORD_TRADE_SECRET_INFRINGEMENT", "KEYWORD_TRADEMARK_INFRINGEMENT", "KEYWORD_TRAFFICKING_WOMEN_GIRLS",
		"KEYWORD_UNLAWFUL_SALE_ANIMALS", "KEYWORD_UNSAFE_CHALLENGES", "KEYWORD_UNSAFE_PRODUCTS",
		"KEYWORD_VIOLATION_EU_LAW", "KEYWORD_VIOLATION_NATIONAL_LAW", keyOther}

	// The European Economic Area: the Union and three more.
	countries = []string{"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IS",
		"IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK"}
)

const (
	visibilityOther = "DECISION_VISIBILITY_OTHER"
	monetaryOther   = "DECISION_MONETARY_OTHER"
	contentOther    = "CONTENT_TYPE_OTHER"

	groundIllegal      = "DECISION_GROUND_ILLEGAL_CONTENT"
	groundIncompatible = "DECISION_GROUND_INCOMPATIBLE_CONTENT"

	sourceArticle16 = "SOURCE_ARTICLE_16"
	sourceFlagger   = "SOURCE_TRUSTED_FLAGGER"
	sourceOther     = "SOURCE_TYPE_OTHER_NOTIFICATION"
	sourceVoluntary = "SOURCE_VOLUNTARY"

	decidedFully     = "AUTOMATED_DECISION_FULLY"
	decidedPartially = "AUTOMATED_DECISION_PARTIALLY"
	decidedByHand    = "AUTOMATED_DECISION_NOT_AUTOMATED"

	catCyberViolence = "STATEMENT_CATEGORY_CYBER_VIOLENCE"
	catData          = "STATEMENT_CATEGORY_DATA_PROTECTION_AND_PRIVACY_VIOLATIONS"
	catTerms         = "STATEMENT_CATEGORY_OTHER_VIOLATION_TC"
	catMinors        = "STATEMENT_CATEGORY_PROTECTION_OF_MINORS"
	catSecurity      = "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY"
	catScams         = "STATEMENT_CATEGORY_SCAMS_AND_FRAUD"
	catProducts      = "STATEMENT_CATEGORY_UNSAFE_AND_PROHIBITED_PRODUCTS"

	keyHarassment  = "KEYWORD_CYBER_HARASSMENT"
	keyHijacking   = "KEYWORD_IMPERSONATION_ACCOUNT_HIJACKING"
	keyInauthentic = "KEYWORD_INAUTHENTIC_ACCOUNTS"
	keyImages      = "KEYWORD_NON_CONSENSUAL_IMAGE_SHARING"
	keyProcessing  = "KEYWORD_MISSING_PROCESSING_GROUND"
	keyPhishing    = "KEYWORD_PHISHING"
	keyProducts    = "KEYWORD_PROHIBITED_PRODUCTS"
	keyTerrorism   = "KEYWORD_TERRORIST_CONTENT"
	keyOther       = "KEYWORD_OTHER"
)

// Mapping says what a category of abuse is called in the Transparency Database. The zero Mapping
// is none.
type Mapping struct {
	Category string   // one of STATEMENT_CATEGORY_*
	Keywords []string // of KEYWORD_*, none twice; may be empty
	Other    string   // what KEYWORD_OTHER stands for, at most 500 characters; empty without it
}

// mappings of all categories. Where the database has no word for it, as for spam, it is a
// violation of the terms, and the keyword says of which kind.
var mappings = [...]Mapping{
	abuse.Spam:                 {catTerms, []string{keyOther}, "unwanted messages in bulk"},
	abuse.Phishing:             {catScams, []string{keyPhishing}, ""},
	abuse.ScamFraud:            {catScams, []string{keyOther}, "deceit for money"},
	abuse.Malware:              {catTerms, []string{keyOther}, "harmful programs"},
	abuse.FakeAccount:          {catScams, []string{keyInauthentic}, ""},
	abuse.AccountTakeover:      {catScams, []string{keyHijacking}, ""},
	abuse.Impersonation:        {catScams, []string{keyHijacking}, ""},
	abuse.Harassment:           {catCyberViolence, []string{keyHarassment}, ""},
	abuse.PlatformManipulation: {catTerms, []string{keyOther}, "concerted or bought reach"},
	abuse.ChildSafety:          {catMinors, nil, ""},
	abuse.IntimateImagery:      {catCyberViolence, []string{keyImages}, ""},
	abuse.Terrorism:            {catSecurity, []string{keyTerrorism}, ""},
	abuse.IllegalGoods:         {catProducts, []string{keyProducts}, ""},
	abuse.Scraping:             {catData, []string{keyProcessing}, ""},
	abuse.Other:                {catTerms, []string{keyOther}, "abuse of another kind"},
}

// MappingOf gives what a category is called in the Transparency Database, and false for an
// invalid one.
func MappingOf(c abuse.Category) (Mapping, bool) {
	if c == 0 || int(c) >= len(mappings) {
		return Mapping{}, false
	}
	m := mappings[c]
	m.Keywords = append([]string(nil), m.Keywords...)
	return m, true
}
