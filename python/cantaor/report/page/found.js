"use strict";
(() => {
  const sounds = JSON.parse(document.getElementById("sounds-data").textContent);
  let playing = null, pressed = null;
  const stop = () => {
    if (playing) playing.pause();
    if (pressed) { pressed.setAttribute("aria-pressed", "false"); pressed.textContent = "Play"; }
    playing = pressed = null;
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-sound]");
    if (!button) return;
    const again = button === pressed;
    stop();
    if (again) return;
    playing = new Audio("data:audio/wav;base64," + sounds[button.dataset.sound]);
    pressed = button;
    button.setAttribute("aria-pressed", "true");
    button.textContent = "Stop";
    playing.addEventListener("ended", stop);
    playing.play().catch((error) => { stop(); document.getElementById("status").textContent = "Cannot play: " + error.message; });
  });
})();
