# SPDX-License-Identifier: Apache-2.0
#
# Counts the tests in what `ctest --output-junit` wrote: "failed NAME" and "skipped NAME" lines, then "total P F S".
#
# A cmocka program is many tests to us and one to ctest, which also takes a program for passed when all of its tests
# were skipped. So cmocka's own lines count, where there are any; its summary names what failed and what was skipped
# once more. A program that crashed or failed without saying so is a failure beside them.

function unescape(text) {
	gsub(/&lt;/, "<", text)
	gsub(/&gt;/, ">", text)
	gsub(/&quot;/, "\"", text)
	gsub(/&amp;/, "\\&", text)
	return text
}

function attribute(name,    rest) {
	rest = substr($0, index($0, " " name "=\"") + length(name) + 3)
	return substr(rest, 1, index(rest, "\"") - 1)
}

function count(result, name) {
	total[result]++
	if (result != "passed")
		print result, name
}

# result_of NAME in a line like "[  SKIPPED ] NAME"
function cmocka(result,    name) {
	name = $0
	sub(/.*\[ +(OK|FAILED|SKIPPED) +\] /, "", name)
	if (name ~ /^[0-9]+ test\(s\)/ || seen[program, name])
		return
	seen[program, name] = 1
	here[result]++
	count(result, program ": " name)
}

/<testcase / {
	program = unescape(attribute("name"))
	status = attribute("status")
	skipped_itself = 0
	split("", here)
}
/<skipped message="(SKIP_|Disabled)/ { skipped_itself = 1 }
/\[       OK \] / { cmocka("passed") }
/\[  FAILED  \] / { cmocka("failed") }
/\[  SKIPPED \] / { cmocka("skipped") }
/<\/testcase>/ {
	known = here["passed"] + here["failed"] + here["skipped"]
	if (status == "run" && !known)
		count("passed", program)
	else if (status == "disabled" || skipped_itself) {
		if (!here["skipped"])
			count("skipped", program)
	} else if (status != "run" && !here["failed"])
		count("failed", program)
}
END { print "total", total["passed"] + 0, total["failed"] + 0, total["skipped"] + 0 }
