package report_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

var known = strings.Fields(`decision_visibility decision_visibility_other end_date_visibility_restriction decision_monetary
		decision_monetary_other end_date_monetary_restriction decision_provision end_date_service_restriction decision_account
		end_date_account_restriction account_type decision_ground decision_ground_reference_url illegal_content_legal_ground
		illegal_content_explanation incompatible_content_ground incompatible_content_explanation incompatible_content_illegal
		content_type content_type_other category category_addition category_specification category_specification_other
		territorial_scope content_language content_date application_date decision_facts source_type source_identity
		automated_detection automated_decision puid`)

var patterns = compiled(map[string]string{
	"decision_ground":     `^DECISION_GROUND_(ILLEGAL|INCOMPATIBLE)_CONTENT$`,
	"source_type":         `^SOURCE_(ARTICLE_16|TRUSTED_FLAGGER|TYPE_OTHER_NOTIFICATION|VOLUNTARY)$`,
	"automated_detection": `^(Yes|No)$`, "automated_decision": `^AUTOMATED_DECISION_(FULLY|PARTIALLY|NOT_AUTOMATED)$`,
	"decision_provision": `^(|DECISION_PROVISION_(PARTIAL|TOTAL)_(SUSPENSION|TERMINATION))$`,
	"decision_account":   `^(|DECISION_ACCOUNT_(SUSPENDED|TERMINATED))$`, "puid": `^[a-zA-Z0-9_-]+$`,
	"category": `^STATEMENT_CATEGORY_[A-Z_]+$`, "account_type": `^(|ACCOUNT_TYPE_(BUSINESS|PRIVATE))$`,
})

func compiled(of map[string]string) map[string]*regexp.Regexp {
	out := map[string]*regexp.Regexp{}
	for k, pattern := range of {
		out[k] = regexp.MustCompile(pattern)
	}
	return out
}

// checkFields is FIELD.md 4.3 and the rules of the database's own form, written down once more and
// looked at in the JSON alone: it shares nothing with Validate.
func checkFields(t *testing.T, text []byte) {
	t.Helper()
	var all map[string]any
	require.NoError(t, json.Unmarshal(text, &all))
	str := func(k string) string { s, _ := all[k].(string); return s }
	list := func(k string) (out []string) {
		l, _ := all[k].([]any)
		for _, v := range l {
			out = append(out, v.(string))
		}
		return out
	}
	at := func(k string) time.Time {
		d, err := time.Parse("2006-01-02", str(k))
		require.NoError(t, err, k)
		return d
	}
	for k := range all {
		require.True(t, slices.Contains(known, k), k)
	}
	for _, k := range strings.Fields("decision_ground category content_date application_date decision_facts source_type automated_detection automated_decision puid") {
		require.NotEmpty(t, str(k), k)
	}
	require.NotEmpty(t, list("content_type"))
	require.NotEmpty(t, list("territorial_scope"))
	require.True(t, len(list("decision_visibility")) > 0 || str("decision_monetary") != "" || str("decision_provision") != "" || str("decision_account") != "")
	for k, most := range map[string]int{"decision_facts": 5000, "illegal_content_explanation": 2000, "incompatible_content_explanation": 2000,
		"illegal_content_legal_ground": 500, "incompatible_content_ground": 500, "source_identity": 500, "puid": 500,
		"category_specification_other": 500, "content_type_other": 500, "decision_ground_reference_url": 500} {
		require.LessOrEqual(t, utf8.RuneCountInString(str(k)), most, k)
	}
	for k, pattern := range patterns {
		require.True(t, pattern.MatchString(str(k)), k)
	}
	if str("decision_ground") == "DECISION_GROUND_ILLEGAL_CONTENT" {
		require.NotEmpty(t, str("illegal_content_legal_ground"))
		require.NotEmpty(t, str("illegal_content_explanation"))
		require.Empty(t, str("incompatible_content_ground")+str("incompatible_content_explanation")+str("incompatible_content_illegal"))
	} else {
		require.NotEmpty(t, str("incompatible_content_ground"))
		require.NotEmpty(t, str("incompatible_content_explanation"))
		require.Empty(t, str("illegal_content_legal_ground")+str("illegal_content_explanation"))
	}
	if str("source_type") == "SOURCE_VOLUNTARY" {
		require.NotContains(t, all, "source_identity")
	}
	applied := at("application_date")
	require.False(t, applied.Before(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)))
	require.False(t, at("content_date").Before(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)))
	for k, restriction := range map[string]string{"end_date_account_restriction": "decision_account", "end_date_service_restriction": "decision_provision",
		"end_date_monetary_restriction": "decision_monetary", "end_date_visibility_restriction": "decision_visibility"} {
		if str(k) != "" {
			require.False(t, at(k).Before(applied), k)
			require.Contains(t, all, restriction)
		}
	}
	for _, k := range []string{"content_type", "category_addition", "category_specification", "decision_visibility", "territorial_scope"} {
		l := list(k)
		require.Len(t, slices.Compact(slices.Sorted(slices.Values(l))), len(l), k)
	}
	require.NotContains(t, list("category_addition"), str("category"))
	if str("category_specification_other") != "" {
		require.Contains(t, list("category_specification"), "KEYWORD_OTHER")
	}
}
