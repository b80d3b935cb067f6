package abuse

// Category is what an account is said to have done. The list is closed and small,
// so that two services mean the same by a word; the numbers are part of the wire
// format and never change. The zero Category is invalid.
type Category uint8

// The categories.
const (
	Spam                 Category = 1  // unwanted messages in bulk
	Phishing             Category = 2  // malicious links, lures for credentials
	ScamFraud            Category = 3  // deceit for money
	Malware              Category = 4  // harmful programs spread or controlled
	FakeAccount          Category = 5  // one of many accounts made in bulk
	AccountTakeover      Category = 6  // somebody else's account; its holder is the victim
	Impersonation        Category = 7  // passing for another person or organisation
	Harassment           Category = 8  // threats, insults, stalking
	PlatformManipulation Category = 9  // concerted or bought reach
	ChildSafety          Category = 10 // sexual or other harm to children
	IntimateImagery      Category = 11 // intimate pictures without consent
	Terrorism            Category = 12 // terrorism and violent extremism
	IllegalGoods         Category = 13 // trade in what must not be traded
	Scraping             Category = 14 // automated collection of people's data
	Other                Category = 15 // none of these
)

var categoryNames = []string{"invalid", "spam", "phishing", "scam_fraud", "malware", "fake_account",
	"account_takeover", "impersonation", "harassment", "platform_manipulation", "child_safety",
	"intimate_imagery", "terrorism", "illegal_goods", "scraping", "other"}

// What follows "confirmed" in a sentence.
var categoryWords = []string{"abuse", "spam", "phishing", "fraud", "malware", "a fake account",
	"an account takeover", "impersonation", "harassment", "platform manipulation", "harm to children",
	"abuse of intimate images", "terrorism", "trade in illegal goods", "scraping", "abuse of another kind"}

// String gives the name that [ParseCategory] takes, such as "scam_fraud", and
// "invalid" for anything else.
func (c Category) String() string { return nameOf(c, categoryNames) }

// ParseCategory reads what [Category.String] gives. Anything else, also another
// case or spelling, is an [*Error].
func ParseCategory(name string) (Category, error) {
	return parseEnum[Category](name, "category", categoryNames)
}

// MarshalText gives the name; an invalid category is an [*Error].
func (c Category) MarshalText() ([]byte, error) { return textOf(c, "category", categoryNames) }

// UnmarshalText reads a name as [ParseCategory] does.
func (c *Category) UnmarshalText(text []byte) (err error) {
	*c, err = ParseCategory(string(text))
	return err
}
