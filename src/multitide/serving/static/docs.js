"use strict";
// Shows /openapi.json: every route with its bodies and answers.
const add = (parent, tag, text = null) => {
  const made = document.createElement(tag);
  if (text !== null) made.textContent = text;
  parent.appendChild(made);
  return made;
};
fetch("/openapi.json").then((response) => response.json()).then((api) => {
  const main = document.getElementById("routes");
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, route] of Object.entries(methods)) {
      add(main, "h2", `${method.toUpperCase()} ${path}`);
      add(main, "p", route.summary || "");
      for (const each of route.parameters || []) add(main, "p", `?${each.name}: ${each.description}`);
      for (const [kind, body] of Object.entries(route.requestBody?.content || {})) {
        add(main, "p", `Body: ${kind}`);
        for (const form of body.schema.oneOf || []) {
          const keys = Object.keys(form.properties).map((name) => form.required.includes(name) ? name : `${name} (optional)`);
          add(main, "pre", `{ ${keys.join(", ")} }\n${JSON.stringify(form.example)}`);
        }
      }
      const table = add(main, "table");
      for (const [status, answer] of Object.entries(route.responses)) {
        const row = add(table, "tr");
        add(row, "td", status);
        add(row, "td", answer.description);
      }
    }
  }
});
