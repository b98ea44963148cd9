package exchange

import (
	"fmt"
	"slices"
	"strings"
)

// hostedTools are the tools that a provider runs itself, by the name that reasons
// and the configuration have for them. The last stands for types that are not
// known: they may be any provider's own.
var hostedTools = [...]string{
	"web_search", "web_fetch", "file_search", "code_interpreter", "code_execution", "computer_use", "mcp",
	"image_generation", "tool_search", "container", "provider_tool",
}

// ToolSet is a set of hosted tools.
type ToolSet uint16

// HostedTools lists their names.
func HostedTools() []string { return slices.Clone(hostedTools[:]) }

// ParseToolSet makes a set of names; the error names the first that is none.
func ParseToolSet(names []string) (ToolSet, error) {
	var set ToolSet
	for _, name := range names {
		i := slices.Index(hostedTools[:], name)
		if i < 0 {
			return 0, fmt.Errorf("%.60q is not a tool that providers run: use some of %s", name, strings.Join(hostedTools[:], ", "))
		}
		set |= 1 << i
	}
	return set, nil
}

// Within reports whether all tools of the set are in the other.
func (s ToolSet) Within(other ToolSet) bool { return s&^other == 0 }

// add adds a tool by its name.
func (s *ToolSet) add(name string) {
	if i := slices.Index(hostedTools[:], name); i >= 0 {
		*s |= 1 << i
	}
}

// SkipTool is the reason for which a request that offers a hosted tool is not
// mirrored: "tool_" and its name.
func SkipTool(name string) string {
	if i := slices.Index(hostedTools[:], name); i >= 0 {
		return skipTools[i]
	}
	return SkipStateful
}

// skipTools are the reasons, made once.
var skipTools = func() (reasons [len(hostedTools)]string) {
	for i, name := range hostedTools {
		reasons[i] = "tool_" + name
	}
	return reasons
}()
