package cases

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
)

// ScoreConfig says how scorecards become weights. Zero fields mean the defaults.
//
// The weight of a partner is
//
//	min(1, low(right + PriorRight, wrong + PriorWrong) / Target)
//
// where low is the lower end of the Wilson interval, see [Wilson]. The prior stands for the vetting
// that went before the agreement, as if so many signals had been judged already: a partner of whom
// nothing is known has the weight 1, and what is learned outweighs the prior once more signals are
// judged than it has. With the defaults a partner keeps the weight 1 while some four in five of many
// judged signals are right; 5 wrong ones and none right make it 0.75, 20 make it 0.44.
type ScoreConfig struct {
	// PriorRight and PriorWrong are the signals that the vetting counts for; defaults 19 and 1.
	PriorRight, PriorWrong float64
	// Target is the lower end of the interval at which a partner has its full weight, 0 to 1;
	// default .75, which the default prior reaches.
	Target float64
	// Z is the interval's half width in standard deviations; default 1.96, for 95 per cent.
	Z float64
	// Window is how long a verdict counts; default 366 days. A partner can mend its ways, and cannot
	// live on old merits.
	Window time.Duration
}

func (c ScoreConfig) withDefaults() ScoreConfig {
	if c.PriorRight == 0 && c.PriorWrong == 0 {
		c.PriorRight, c.PriorWrong = 19, 1
	}
	c.Target = orDefault(c.Target, .75)
	c.Z = orDefault(c.Z, 1.96)
	c.Window = orDefault(c.Window, 366*24*time.Hour)
	return c
}

func (c *ScoreConfig) problems() (all []error) {
	check := func(ok bool, field, problem string) {
		if !ok {
			all = append(all, &abuse.Error{Field: "score " + field, Problem: problem})
		}
	}
	check(c.PriorRight >= 0 && c.PriorWrong >= 0 && c.PriorRight+c.PriorWrong > 0 && c.PriorRight+c.PriorWrong <= 1e6, "prior", "must be 0 to a million signals")
	check(c.Target > 0 && c.Target <= 1, "target", "must be above 0, and 1 at most")
	check(c.Z > 0 && c.Z <= 10, "z", "must be above 0, and 10 at most")
	check(c.Window >= 24*time.Hour, "window", "must be a day at least")
	return all
}

// weight is the formula of [ScoreConfig].
func (c *ScoreConfig) weight(right, wrong int) float64 {
	hits := float64(right) + c.PriorRight
	low, _ := wilson(hits, hits+float64(wrong)+c.PriorWrong, c.Z)
	return min(1, low/c.Target)
}

// Wilson gives the interval of a share of which hits in trials were seen, z standard deviations
// wide to either side: E. B. Wilson, "Probable inference, the law of succession, and statistical
// inference", Journal of the American Statistical Association 22 (1927), 209-212. It keeps its
// promise where trials are few and the share is near 1, where the textbook's interval does not: L. D.
// Brown, T. T. Cai, A. DasGupta, "Interval estimation for a binomial proportion", Statistical Science 16
// (2001), 101-133, section 3.1.1. No trials give 0 and 1; hits outside 0 to trials are brought inside.
func Wilson(hits, trials int, z float64) (low, high float64) {
	return wilson(float64(hits), float64(trials), z)
}

func wilson(hits, n, z float64) (low, high float64) {
	if !(n > 0) || !(z >= 0) || math.IsInf(z, 0) {
		return 0, 1
	}
	p := min(max(hits/n, 0), 1)
	z2 := z * z
	middle := (p + z2/(2*n)) / (1 + z2/n)
	half := z / (1 + z2/n) * math.Sqrt(p*(1-p)/n+z2/(4*n*n))
	low, high = max(middle-half, 0), min(middle+half, 1)
	if p == 0 {
		low = 0 // and not what rounding leaves of it
	}
	if p == 1 {
		high = 1
	}
	return low, high
}

// Card is what is known of a partner by how its signals turned out. The zero Card is none.
type Card struct {
	Partner string `json:"partner"`
	Right   int    `json:"right"` // signals that were judged right
	Wrong   int    `json:"wrong"`
	// By are the same by who found out, in the order reports, person, review, appeal.
	By [4]Count `json:"by"`
	// Relayed is how many of them another service had found: the partner answers for what it passes on.
	Relayed int `json:"relayed"`
	// Precision is the share of right ones, and Low to High its Wilson interval, without the prior;
	// 0, and 0 to 1, where none was judged.
	Precision float64 `json:"precision"`
	Low       float64 `json:"low"`
	High      float64 `json:"high"`
	// Weight is by how much a policy discounts the partner's confidence, as [ScoreConfig] says.
	Weight float64 `json:"weight"`
}

// Count is a number of signals of either verdict.
type Count struct {
	Right int `json:"right"`
	Wrong int `json:"wrong"`
}

// String gives a line for a person: "messenger.example: 41 of 43 right, 0.95 (0.85 to 0.99), weight 1.00".
func (c Card) String() string {
	return fmt.Sprintf("%s: %d of %d right, %.2f (%.2f to %.2f), weight %.2f", c.Partner, c.Right, c.Right+c.Wrong, c.Precision, c.Low, c.High, c.Weight)
}

// Card gives the card of one partner, also of one of whom nothing is known.
func (h *Hearings) Card(ctx context.Context, partner string) (c Card, err error) {
	cards, err := h.cards(ctx, partnerName(partner), after(partnerName(partner)))
	if err != nil || len(cards) == 1 {
		return first(cards, c), err
	}
	return h.card(&Card{Partner: partner}), nil
}

func first(cards []Card, otherwise Card) Card {
	if len(cards) > 0 {
		return cards[0]
	}
	return otherwise
}

// Cards gives the cards of all partners that feedback was given on, in the order of the lengths of
// their names and then of the names. The time grows with the number of signals judged. A verdict that
// is damaged is left out: the first such is the error, and the cards are given with it.
func (h *Hearings) Cards(ctx context.Context) ([]Card, error) { return h.cards(ctx, nil, nil) }

// Weights gives the weights of all partners that feedback was given on; any other has the weight
// that [ScoreConfig]'s prior gives it, which is 1 by default. A service asks for them now and then,
// every hour say, and gives them to its policy, as Current.Weigh of package policy does: a rule set
// whose weights changed at every verdict would have no hash that one could look up. A verdict that is
// damaged is left out and no error, for which see Cards: without any weights everybody would be believed.
func (h *Hearings) Weights(ctx context.Context) (map[string]float64, error) {
	cards, err := h.Cards(ctx)
	if err != nil && !odd(err) {
		return nil, err
	}
	weights := make(map[string]float64, len(cards))
	for _, c := range cards {
		weights[c.Partner] = c.Weight
	}
	return weights, nil
}

func (h *Hearings) cards(ctx context.Context, from, to []byte) (cards []Card, err error) {
	oldest := h.now().Add(-h.cfg.Score.Window).Unix()
	var damage error
	err = h.store.View(ctx, func(r abuse.Reader) error {
		cards, damage = cards[:0], nil
		for from := from; ; {
			rows, err := r.Scan(abuse.Feedback, from, to, runRows)
			if err != nil {
				return err
			}
			for _, row := range rows {
				n := len(row.Key) - 16
				f, err := parseFeedback(row.Value)
				if err != nil || n < 1 || int(row.Key[0]) != n-1 {
					damage = damaged("feedback")
					continue
				}
				if partner := string(row.Key[1:n]); len(cards) == 0 || cards[len(cards)-1].Partner != partner {
					cards = append(cards, Card{Partner: partner})
				}
				if f.at >= oldest {
					cards[len(cards)-1].count(&f)
				}
			}
			if len(rows) < runRows {
				return nil
			}
			from = append(rows[len(rows)-1].Key, 0)
		}
	})
	for i := range cards {
		cards[i] = h.card(&cards[i])
	}
	return cards, cmp.Or(err, damage)
}

func (c *Card) count(f *feedbackRow) {
	by := &c.By[f.source-1]
	if f.verdict == Right {
		c.Right, by.Right = c.Right+1, by.Right+1
	} else {
		c.Wrong, by.Wrong = c.Wrong+1, by.Wrong+1
	}
	if f.relayed {
		c.Relayed++
	}
}

// card works out what follows from the counts.
func (h *Hearings) card(c *Card) Card {
	n := c.Right + c.Wrong
	if n > 0 {
		c.Precision = float64(c.Right) / float64(n)
	}
	c.Low, c.High = Wilson(c.Right, n, h.cfg.Score.Z)
	c.Weight = h.cfg.Score.weight(c.Right, c.Wrong)
	return *c
}
