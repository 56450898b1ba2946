// Signs in with the token behind the # of an address. That part of an address is never sent to a
// server, so no log has it; and it does not stay in the address bar.
"use strict";

(() => {
  function enter() {
    const token = new URLSearchParams(location.hash.slice(1)).get("token");
    const form = document.getElementById("sign-in");
    if (!token || !form) return;
    history.replaceState(null, "", location.pathname + location.search);
    form.elements.token.value = token;
    form.requestSubmit();
  }

  addEventListener("hashchange", enter); // such an address, entered where this page is open
  enter();
})();
