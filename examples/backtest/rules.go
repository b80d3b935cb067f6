package main

import (
	_ "embed"
	"errors"
	"os"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/policy"
)

// The two services.
const (
	serviceA = "a.example"
	serviceB = "b.example"
)

//go:embed rules.yaml
var shippedRules []byte

const mostRulesBytes = 16 << 20

// loadRules reads the rules file, or takes those that are shipped.
func (o *options) loadRules() (*policy.Set, error) {
	name, data := "rules.yaml", shippedRules
	if o.rules != "" {
		info, err := os.Stat(o.rules)
		if err == nil && info.Size() > mostRulesBytes {
			return nil, errors.New("-rules: the file is larger than 16 MiB")
		}
		if data, err = os.ReadFile(o.rules); err != nil {
			return nil, errors.New("-rules: the file cannot be read")
		}
		name = o.rules
	}
	set, err := policy.Parse(name, data)
	if err != nil {
		return nil, err
	}
	return set.With(policy.Options{Self: serviceB, Mode: abuse.Backtest})
}
