"""Looks at the pages in headless Chromium: that they render, that the image controls and the keys work
with a script, that nothing breaks the policy, and that they work without scripts.

    python3 tests/interop/pages.py BINARY WORKSPACE FOLDER DECISION MEASURED

DECISION and MEASURED are indices of decisions, on a volume and on measurements. Writes the screenshots to
FOLDER; gives two verdicts."""
import pathlib
import subprocess
import sys

import numpy as np
from PIL import Image
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

binary, workspace, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
folder.mkdir(parents=True, exist_ok=True)
server = subprocess.Popen([binary, "serve", "--workspace", workspace, "--port", "0"], stdout=subprocess.PIPE, text=True)
wrong = []


def chromium(path, *options):
    profile = folder / "profile"
    return subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
         f"--user-data-dir={profile}", "--virtual-time-budget=4000", *options, base + path],
        capture_output=True, text=True, errors="replace", timeout=120)


def row(what, good):
    print(f"{'chromium':24} {what:66}               {'ok' if good else 'FAIL'}")
    if not good:
        wrong.append(what)


def regulation(driver):
    """The decision path and the map: by keyboard, and told apart without colour."""
    driver.get(f"{base}/regulation")
    driver.find_element(By.PARTIAL_LINK_TEXT, "Decision path").send_keys(Keys.ENTER)
    WebDriverWait(driver, 10).until(lambda d: d.find_elements(By.CSS_SELECTOR, ".path .node"))
    steps = driver.find_elements(By.CSS_SELECTOR, ".path > li")
    row("the decision path has its steps and its end", len(steps) >= 6 and "end" in steps[-1].get_attribute("class"))
    tiles = driver.find_elements(By.CSS_SELECTOR, "a.tile")
    signs = {}
    for tile in tiles:
        signs.setdefault(tile.get_attribute("class"), set()).add(tile.text)
    row("the map: every state has a sign of its own, beside its colour",
        len(tiles) > 150 and all(len(s) == 1 for s in signs.values()) and len(set.union(*signs.values())) == len(signs))
    row("the map: every tile says in words what and how it stands",
        all(len(t.get_attribute("aria-label")) > 10 for t in tiles))
    tiles[0].send_keys(Keys.ENTER)
    target = driver.current_url.split("#")[1]
    row("keyboard: a tile leads to its requirement", driver.find_element(By.ID, target).tag_name == "details")


def keyboard(driver, decision, measured):
    """A reader who never touches the mouse."""
    def body():
        return driver.find_element(By.TAG_NAME, "body")

    def caption():
        return driver.find_element(By.ID, "slice-caption").text

    def until(what, condition):
        try:
            # A condition may look at a page that is just giving way to the next.
            WebDriverWait(driver, 10, ignored_exceptions=[WebDriverException]).until(lambda _: condition())
            row(what, True)
        except Exception:
            row(what, False)

    driver.get(f"{base}/decision/{decision}")
    before = int(caption().split()[1])
    body().send_keys(Keys.ARROW_DOWN)
    until("keyboard: an arrow goes to the next slice", lambda: int(caption().split()[1]) == before + 1)
    body().send_keys("h")
    until("keyboard: h takes the overlay away", lambda: "overlay 0 %" in caption())
    driver.find_element(By.NAME, "by").send_keys("R. Eader")
    driver.find_element(By.ID, "reason").send_keys("a thought", Keys.ENTER)
    row("keyboard: Enter in a field gives no verdict", driver.current_url.endswith(f"/decision/{decision}"))
    driver.find_element(By.TAG_NAME, "h1").click()
    body().send_keys("a")
    until("keyboard: a agrees", lambda: "done=" in driver.current_url and "Agreed by R. Eader" in body().text)
    driver.get(f"{base}/decision/{measured}")
    name = driver.find_element(By.NAME, "by").get_attribute("value")
    row("the next verdict needs no name typed again", name == "R. Eader")
    body().send_keys("o")
    WebDriverWait(driver, 10).until(lambda _: driver.switch_to.active_element.get_attribute("id") == "reason")
    driver.switch_to.active_element.send_keys("seen otherwise", Keys.ENTER)
    until("keyboard: o asks why and overrules, on measurements too", lambda: "Overruled by R. Eader" in body().text)
    driver.save_screenshot(str(folder / "measured.png"))


try:
    base = server.stdout.readline().split("http://")[1].split()[0].rstrip("/")
    base = "http://" + base
    decision = sys.argv[4]
    for name, path in (("worklist", "/"), ("decision", f"/decision/{decision}"), ("ledger", "/ledger"), ("dossier", "/dossier"),
                       ("regulations", "/regulation"), ("regulation", "/regulation/ct-nodule-phantom")):
        for mode, options in (("light", ()), ("dark", ("--force-dark-mode",))):
            shot = folder / f"{name}-{mode}.png"
            out = chromium(path, "--window-size=1400,1200", f"--screenshot={shot}", *options)
            picture = np.asarray(Image.open(shot).convert("L"), float) if shot.exists() else np.zeros((1, 1))
            broken = [l for l in out.stderr.splitlines() if "Content Security Policy" in l or "CONSOLE" in l and "rror" in l]
            row(f"{name}, {mode}: renders, nothing refused by the policy", picture.std() > 5 and not broken)
    dom = chromium(f"/decision/{decision}", "--dump-dom").stdout
    row("with scripts: the image controls act at once (no Show button)", 'type="submit" hidden' in dom)
    page = subprocess.run(["curl", "-s", base + f"/decision/{decision}?slice=10&opacity=0"], capture_output=True, text=True).stdout
    row("without scripts: the form's answer shows the slice asked for", "Slice 10 of" in page and "slice=10" in page)
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for option in ("--headless", "--no-sandbox", "--disable-gpu", "--window-size=1400,1200", "--disable-background-networking"):
        options.add_argument(option)
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    try:
        keyboard(driver, decision, sys.argv[5])
        regulation(driver)
    finally:
        driver.quit()
finally:
    server.terminate()
    server.wait()
if wrong:
    print("FAIL", *wrong, sep="\n  ")
sys.exit(1 if wrong else 0)
