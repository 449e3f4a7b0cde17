# The agents' console: sources in agents-ui/, built into agents-ui/dist, which the binary embeds.
# shellcheck shell=bash

# Builds agents-ui/dist when its sources changed since the last build. Quiet when they did not.
ui_build() {
  local ui="$MADOGUCHI_ROOT/agents-ui" stamp hash
  if [ ! -f "$ui/package.json" ]; then
    mkdir -p "$ui/dist"
    return 0
  fi
  need_node
  hash="$(content_hash "$ui")"
  stamp="$ui/node_modules/.built-from"
  if [ -f "$ui/dist/index.html" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$hash" ]; then return 0; fi
  need_node_modules "$ui" "the agents' console is built with them"
  say "building the agents' console"
  (cd "$ui" && npm run --silent build)
  printf '%s' "$hash" >"$stamp"
}
