package template

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMangledAt(t *testing.T) {
	for text, at := range map[string]int{
		"Description: Gr??e":                           15,
		"Description: caf? du coin":                    16,
		"# ????":                                       2,
		"a: d?ploiement":                               4,
		"a: ? propos":                                  3,
		"Description: see ?{Name}":                     17,
		"Description: Größe?? d?j":                     -1, // what GetTemplate returns has no ö
		"Description: Do you want to run this?":        -1,
		"Description: 'Do you want it? Then say so.'":  -1,
		"a: https://x.example/y?z=1&q=2":               -1,
		"a: !Sub '${Url}/home?region=${AWS::Region}#'": -1,
		"AllowedPattern: ^(?:a|b)?[0-9]*$":             -1,
		"AllowedPattern: '[a-z]?:x'":                   -1,
		"ScheduleExpression: cron(0 12 ? * MON-FRI *)": -1,
		"ScheduleExpression: cron(0/5 * * * ? *)":      -1,
		"? key\n: value":                               -1,
		"path: url + '?' + query":                      -1,
		"a: const x = y > 1 ? 'one' : 'more';":         -1,
		"a: const x = y ?? z;":                         -1,
		"a: le caf? ? la carte":                        11,
		"a: ?? propos":                                 3,
		"nothing":                                      -1,
	} {
		got := mangledAt([]byte(text))
		assert.Equal(t, at, got, text)
	}
}
